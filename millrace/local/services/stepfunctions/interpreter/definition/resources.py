"""The Resource of a Task state, an ItemReader or a ResultWriter.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

import re
from dataclasses import dataclass

_FUNCTION = re.compile(r"arn:[\w-]+:lambda:[\w-]*:\w*:function:[\w\-$<>.:]+")
_ACTIVITY = re.compile(r"arn:[\w-]+:states:[\w-]+:\d+:activity:[^:\s]+")
_INTEGRATION = re.compile(r"arn:[\w-]+:states:[\w-]*:\d*:([\w-]+):([\w:-]+?)(\.sync(?::2)?|\.waitForTaskToken)?")


@dataclass(frozen=True)
class Resource:
    """A resource by its ARN.

    `service` is `lambda` or `activity` for a plain ARN; otherwise the service of an integration, such as `sqs`, or
    `aws-sdk:sqs`. `action` is then its API action, and `pattern` one of "", "sync", "sync:2" and "waitForTaskToken".
    """

    arn: str
    service: str
    action: str = ""
    pattern: str = ""

    @property
    def is_integration(self) -> bool:
        """Return whether this is no plain ARN of a function or an activity."""
        return bool(self.action)

    @property
    def waits_for_token(self) -> bool:
        """Return whether the task ends when its token is returned."""
        return self.pattern == "waitForTaskToken"


def parse_resource(arn: str) -> Resource | None:
    """Return the resource of an ARN, or None if it is none that a state can have."""
    if _FUNCTION.fullmatch(arn):
        return Resource(arn, "lambda")
    if _ACTIVITY.fullmatch(arn):
        return Resource(arn, "activity")
    match = _INTEGRATION.fullmatch(arn)
    if not match:
        return None
    service, action, pattern = match[1], match[2], (match[3] or "").removeprefix(".")
    if service == "aws-sdk":
        name, _, action = action.partition(":")
        service = f"aws-sdk:{name}"
    return Resource(arn, service, action, pattern) if action else None
