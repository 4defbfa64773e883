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

    operation, names = call.operation.removesuffix("Batch"), (("QueueName", "{}"), ("SourceArn", "{}"))
    found = call.each(("QueueUrl", queue), *names)
    if _is_queue(call.request.path):
        found = list(dict.fromkeys([queue(call.request.path), *(each for each in found if each != "*")]))
    return [Permission(f"sqs:{operation}", each) for each in found]


def _is_queue(path: str) -> bool:
    """Return whether a request of the query protocol names the queue by its path, as a queue's URL does."""
    account, _, name = path.strip("/").partition("/")
    return account.isdecimal() and bool(name)


REQUIRED = {"sqs": required}
