"""Lambda functions, as the resource of a task and by lambda:invoke.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

import base64
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.integrations.failures import of_api_error
from millrace.local.services.stepfunctions.interpreter.integrations.metadata import metadata
from millrace.local.services.stepfunctions.interpreter.pending import Pending, failed, succeeded

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.workers import Outcome

_UNKNOWN = "The cause could not be determined because Lambda did not return an error type. Returned payload: "


@dataclass(frozen=True)
class _Invocation:
    """What to invoke. `qualifier` is a version or an alias."""

    name: str
    qualifier: str | None
    payload: Any
    kind: str = "RequestResponse"
    with_log: bool = False

    @classmethod
    def of(cls, call: Call) -> "_Invocation":
        if not call.resource.is_integration:
            return cls(call.resource.arn, None, call.parameters)
        given = call.parameters
        return cls(
            str(given.get("FunctionName", "")),
            given.get("Qualifier"),
            given.get("Payload", {}),
            given.get("InvocationType", "RequestResponse"),
            with_log=given.get("LogType") == "Tail",
        )


def invoke(region: "AccountRegion", call: Call) -> Pending:
    """Invoke a function. A function as resource returns its payload only."""
    invocation = _Invocation.of(call)
    try:
        function = _function(region, call, invocation)
    except ApiError as error:
        return failed(of_api_error("lambda", error))
    if invocation.kind != "RequestResponse":
        return succeeded(_accepted(region, function, invocation))
    return _invoked(region, call, function, invocation)


def _function(region: "AccountRegion", call: Call, invocation: _Invocation) -> Any:
    """Return moto's function. Raises ApiError for a missing or denied one."""
    name = f"{invocation.name}:{invocation.qualifier}" if invocation.qualifier else invocation.name
    authorize(region, call, "lambda", "Invoke", {"FunctionName": name})
    try:
        return region.service(Lambda).functions.find(name)
    except LookupError as error:
        raise ApiError("ResourceNotFoundException", str(error.args[0]), 404) from error


def authorize(region: "AccountRegion", call: Call, service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise ApiError if the role of the state machine does not allow a call."""
    caller = call.caller
    refusal = region.service(Iam).access.refusal(caller.role, caller.machine_name, service, operation, params)
    if refusal:
        raise ApiError("AccessDeniedException", refusal, 403 if service == "lambda" else 400)


def _accepted(region: "AccountRegion", function: Any, invocation: _Invocation) -> dict[str, Any]:
    if invocation.kind == "DryRun":
        return _response(region, function, 204, str(uuid.uuid4()), None)
    payload = compact(invocation.payload).encode()
    request_id = region.service(Lambda).functions.invoke_async(function, payload)
    return _response(region, function, 202, request_id, None)


def _invoked(region: "AccountRegion", call: Call, function: Any, invocation: _Invocation) -> Pending:
    functions, result = region.service(Lambda).functions, Pending()
    began = region.clock.now()

    def done(outcome: "Outcome | None") -> None:
        if outcome is None:
            result.fail(of_api_error("lambda", ApiError("TooManyRequestsException", "Rate Exceeded.", 429)))
            return
        text = outcome.payload.decode()
        if outcome.status != "ok":
            result.fail(function_error(text))
        elif not call.resource.is_integration:
            result.succeed(_parsed(text))
        else:
            log = functions.logs.tail(function, outcome, began) if invocation.with_log else None
            result.succeed(_response(region, function, 200, outcome.request_id, _parsed(text), log))

    functions.invoke(function, compact(invocation.payload).encode(), done, urgent=call.caller.express)
    return result


def _response(
    region: "AccountRegion", function: Any, status: int, request_id: str, payload: Any, log: bytes | None = None
) -> dict[str, Any]:
    version = {"X-Amz-Executed-Version": str(function.version)}
    response = {
        "ExecutedVersion": str(function.version),
        "Payload": payload,
        **metadata("lambda", payload, request_id, region.clock.now(), status, version),
        "StatusCode": status,
    }
    return response if log is None else {**response, "LogResult": base64.b64encode(log).decode()}


def function_error(text: str) -> StateError:
    """Return the error of a function. Its cause is compact JSON."""
    content = _parsed(text)
    name = content.get("errorType") if isinstance(content, dict) else None
    if not name:
        return StateError("Lambda.Unknown", f"{_UNKNOWN}{compact(text)}")
    return StateError(str(name), compact(content))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a function of another runtime may return a text that is not JSON
