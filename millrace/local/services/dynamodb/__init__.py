"""Amazon DynamoDB."""

from millrace.local.services.dynamodb.service import DynamoDb

SERVICE = DynamoDb

__all__ = ["DynamoDb"]
