"""Amazon DynamoDB."""

from millrace.local.services.dynamodb.item_requests import OPERATION_PREFIX
from millrace.local.services.dynamodb.service import DynamoDb

SERVICE = DynamoDb

__all__ = ["OPERATION_PREFIX", "DynamoDb"]
