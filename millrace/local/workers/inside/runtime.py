"""A handler is found, called and answered for as AWS's runtime client does it.

After `awslambdaric` 4 (bootstrap.py, lambda_context.py, lambda_runtime_marshaller.py), which has wheels for Linux only,
and https://docs.aws.amazon.com/lambda/latest/dg/python-context.html.
"""

import decimal
import importlib
import json
import logging
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import clock, logs

Handler = Callable[[Any, "LambdaContext"], Any]

_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
    "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
    "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
    "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with a "
    "change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html"
)
_TASK_ROOT = "/var/task"
_NUMBER = f"decimal-{os.urandom(8).hex()}:"
_NUMBERS = re.compile(f'"{_NUMBER}([^"]*)"')


class Fault(Exception):
    """A failure that the runtime itself found, under AWS's name for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class CognitoIdentity:
    """The identity of a mobile SDK caller; always empty here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None

    def __repr__(self) -> str:
        return "CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])"


class LambdaContext:
    """The context object of an invocation. `deadline` is in milliseconds since 1970."""

    def __init__(self, request_id: str, arn: str, deadline: int) -> None:
        self.aws_request_id = request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = arn
        self.tenant_id = None
        self.client_context = None
        self.identity = CognitoIdentity()
        self._epoch_deadline_time_in_ms = deadline

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the function's timeout."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The caller's trace context; here none."""
        return {}

    def log(self, message: object) -> None:
        """Write one log event."""
        logs.write_event(str(message))

    def __repr__(self) -> str:
        shown = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb")
        shown += ("function_version", "invoked_function_arn", "client_context", "identity", "tenant_id")  # type: ignore[assignment]
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in shown)}])"


def load(handler: str) -> Handler:
    """The function that a handler string names. Raises Fault, or what its module raises."""
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {reason}")
    if module_name.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace) from error
    try:
        return getattr(module, name)  # type: ignore[no-any-return]
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'") from None


def init_error(raised: Exception) -> bytes:
    """Log what kept the function from loading, and give it as AWS's JSON; it belongs to no request."""
    error = _error(raised, "")
    logging.getLogger().warning(_WARNING)
    logs.write_error(error)
    return _encoded(_with_paths_on_aws(error)).encode()


def invoke(handler: Handler, body: bytes, call: dict[str, Any], config: dict[str, Any]) -> tuple[str, bytes]:
    """Call the handler once: "ok" and its answer, or "error" and AWS's JSON of it. Exits are let through."""
    request_id = call["request_id"]
    logs.of_request(request_id)
    os.environ["_X_AMZN_TRACE_ID"] = call["trace_id"]
    clock.set_ahead(call["ahead"])
    deadline = int((time.time() + config["timeout"]) * 1000)
    try:
        context = LambdaContext(request_id, config["arn"], deadline)
        answer = _marshalled(handler(_event(body), context))
    except Exception as raised:  # noqa: BLE001 - AWS responds to every exception of a handler
        error = _error(raised, request_id)
        logs.write_error(error)
        return "error", _encoded(_with_paths_on_aws(error)).encode()
    return "ok", answer if isinstance(answer, bytes) else answer.encode()


def _event(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def _marshalled(answer: Any) -> str | bytes:
    if isinstance(answer, bytes):
        return answer
    try:
        return _encoded(answer)
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def _encoded(value: Any) -> str:
    text = _ENCODER.encode(value)
    return _NUMBERS.sub(r"\1", text) if _NUMBER in text else text


def _plain(value: Any) -> Any:
    """What JSON lacks and AWS's encoder takes: decimals, as numbers, and bytes, as text."""
    if isinstance(value, decimal.Decimal):
        return math.nan if value.is_nan() else f"{_NUMBER}{value}"
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_plain)


def _error(raised: Exception, request_id: str) -> dict[str, Any]:
    if isinstance(raised, Fault):
        kind, trace = raised.kind, raised.trace
    else:
        kind, trace = type(raised).__name__, _stack(raised)
    return {"errorMessage": str(raised), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _with_paths_on_aws(error: dict[str, Any]) -> dict[str, Any]:
    """Return an error whose stack trace has the paths of the function on AWS; the log has those of this machine."""
    root = os.environ.get("LAMBDA_TASK_ROOT") or _TASK_ROOT
    return {**error, "stackTrace": [line.replace(f'"{root}/', f'"{_TASK_ROOT}/') for line in error["stackTrace"]]}


def _stack(raised: Exception) -> list[str]:
    """The frames of an error as AWS lists them: from the handler's own on, without markers."""
    own = str(Path(__file__).parent)
    frames = traceback.extract_tb(raised.__traceback__)
    while frames and frames[0].filename.startswith(own) and len(frames) > 1:
        del frames[0]
    return traceback.format_list([(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames])
