"""The permissions that SQS's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on a queue. A batch operation needs the action of the single operation.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """

    def queue(url: str) -> str:
        account, _, name = url.rstrip("/").rpartition("/")
        return f"arn:aws:sqs:{call.region}:{account.rpartition('/')[2]}:{name}"

    operation = call.operation.removesuffix("Batch")
    return [Permission(f"sqs:{operation}", call.first(("QueueUrl", queue), ("QueueName", "{}"), ("SourceArn", "{}")))]


REQUIRED = {"sqs": required}
