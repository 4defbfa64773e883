"""events:putEvents.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
"""

from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.integrations.failures import of_api_error
from millrace.local.services.stepfunctions.interpreter.integrations.functions import authorize
from millrace.local.services.stepfunctions.interpreter.pending import Pending, failed, succeeded

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


def put_events(region: "AccountRegion", call: Call) -> Pending:
    """Put events. The task fails if one entry is rejected."""
    entries = [_entry(call, entry) for entry in call.parameters.get("Entries") or []]
    try:
        authorize(region, call, "events", "PutEvents", {"Entries": entries})
        results = region.service(EventBridge).buses.put(entries)
    except ApiError as error:
        return failed(of_api_error("events", error))
    rejected = sum("ErrorCode" in each for each in results)
    response = {"Entries": results, "FailedEntryCount": rejected}
    if rejected:
        return failed(StateError("EventBridge.FailedEntry", compact(response)))
    return succeeded(response)


def _entry(call: Call, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with its Detail as text, and with the state machine and the execution as resources."""
    resources = [*(entry.get("Resources") or []), call.caller.machine_arn, call.caller.execution_arn]
    detail = entry.get("Detail")
    text = {} if detail is None or isinstance(detail, str) else {"Detail": compact(detail)}
    return {**entry, **text, "Resources": resources}
