"""The permissions that Kinesis's operations need."""

import base64

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on each stream that is named, also by a shard iterator.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html
    """

    def stream(iterator: str) -> str:
        name = base64.b64decode(iterator, validate=False).decode("utf-8", "replace").partition(":")[0]
        return call.arn(f"stream/{name}")

    names = (("StreamARN", "{}"), ("ConsumerARN", "{}"), ("StreamName", "stream/{}"), ("ShardIterator", stream))
    return [Permission(f"kinesis:{call.operation}", resource) for resource in call.each(*names)]


REQUIRED = {"kinesis": required}
