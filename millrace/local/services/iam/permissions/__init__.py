"""What a call needs to be allowed: actions, resources and what conditions may look at.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Callable

from millrace.local.services.dynamodb import permissions as dynamodb
from millrace.local.services.iam.calls import Call
from millrace.local.services.iam.facts import Permission
from millrace.local.services.iam.permissions import compute, messages, settings
from millrace.local.services.iam.resource_lookup import ResourceLookup
from millrace.local.services.s3 import permissions as s3

Asks = Callable[[Call, ResourceLookup], list[Permission]]

_SERVICES: dict[str, Asks] = {
    "dynamodb": dynamodb.asks,
    "events": messages.events,
    "execute-api": compute.execute_api,
    "iam": settings.iam,
    "kinesis": messages.kinesis,
    "kms": settings.kms,
    "lambda": compute.lambda_,
    "logs": settings.logs,
    "s3": s3.asks,
    "scheduler": compute.scheduler,
    "secretsmanager": settings.secretsmanager,
    "sns": messages.sns,
    "sqs": messages.sqs,
    "ssm": settings.ssm,
    "states": compute.states,
    "sts": settings.sts,
}


def asks_of(call: Call, places: ResourceLookup) -> list[Permission]:
    """Everything that a call needs, each of which must be allowed.

    Differs: a service that is not listed here is judged with the resource `*`.
    """
    return _SERVICES.get(call.service, _anything)(call, places)


def _anything(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    return [Permission(f"{call.service}:{call.operation}", "*")]
