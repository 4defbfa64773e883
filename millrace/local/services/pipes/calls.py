"""Calls of functions, state machines and API destinations by a pipe, with their responses."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.core.errors import ApiError
from millrace.local.core.targets import TargetDelivery, service_of
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.lambda_ import Lambda, error_of
from millrace.local.services.stepfunctions import StepFunctions
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Answered = Callable[[Failure | bytes], None]


def call(region: "AccountRegion", arn: str, body: str, answered: Answered) -> None:
    """Call a function or an express state machine. `answered` gets its result, or the failure."""
    service = service_of(region, arn)
    try:
        if isinstance(service, Lambda):
            service.functions.invoke(service.find(arn), body.encode(), lambda outcome: answered(_of_function(outcome)))
        elif isinstance(service, StepFunctions):
            execution = service.start(arn, body)
            execution.when_ended(lambda ended: answered(_of_execution(ended)))
    except (LookupError, ApiError) as error:
        answered(Failure("NO_RESOURCE", str(error)))


def call_api(
    region: "AccountRegion", pipe: Any, arn: str, parameters: dict[str, Any], event: Any, body: str, answered: Answered
) -> None:
    """Call an API destination with one event."""
    delivery = TargetDelivery(event, pipe, {"Arn": arn, "HttpParameters": parameters}, region.clock.now())
    bodies: list[bytes] = []
    owner = region.owner(arn) or region
    owner.service(EventBridge).buses.api_destinations.send(
        delivery, body, lambda failure: answered(failure or bodies[0]), bodies.append
    )


def _of_function(outcome: Outcome | None) -> Failure | bytes:
    if outcome is None:
        return Failure("THROTTLING", "The function was throttled.")
    return outcome.payload if outcome.status == "ok" else Failure("ERROR_FROM_TARGET", error_of(outcome))


def _of_execution(execution: Any) -> Failure | bytes:
    if execution.status == "SUCCEEDED":
        return str(execution.output).encode()
    return Failure("ERROR_FROM_TARGET", f"The execution ended as {execution.status}: {execution.error}")


def events_in(result: bytes) -> list[Any]:
    """Return the events that an enrichment returned; none for an empty response, which skips the target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/pipes-enrichment.html
    """
    try:
        found = json.loads(result or b"null")
    except (ValueError, RecursionError):
        return [result.decode("utf-8", "replace")]
    if not found:
        return []
    return found if isinstance(found, list) else [found]
