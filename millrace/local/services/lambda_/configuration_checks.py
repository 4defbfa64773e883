"""What Lambda refuses of a function's configuration, and moto accepts.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from millrace.local.services.lambda_.errors import api_error, invalid_member

_BOUNDS = {"Timeout": (1, 900), "MemorySize": (128, 10_240)}
_MAX_LAYERS = 5
_LAYER = (
    r"(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|"
    r"(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)
_LAYER_RULE = (
    "Member must satisfy constraint: [Member must have length less than or equal to 140, Member must have length "
    f"greater than or equal to 1, Member must satisfy regular expression pattern: {_LAYER}, Member must not be null]"
)
_MAX_ENVIRONMENT_BYTES = 4096
_NOT_CONFIGURED = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)
_RESERVED = (
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
    *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""


def check_new(spec: dict[str, Any]) -> None:
    """Raise the error of the configuration of a new function."""
    if spec.get("PackageType", "Zip") == "Zip" and not (spec.get("Runtime") and spec.get("Handler")):
        raise api_error("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    check(spec)


def check(spec: dict[str, Any]) -> None:
    """Raise the error of a configuration or of a part of one."""
    for name, (least, most) in _BOUNDS.items():
        value = spec.get(name)
        if value is not None and not least <= value <= most:
            bound = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
            raise invalid_member(f"{name[0].lower()}{name[1:]}", value, f"Member must have value {bound}")
    _check_environment((spec.get("Environment") or {}).get("Variables") or {})
    _check_layers(spec.get("Layers") or ())


def _check_environment(variables: dict[str, str]) -> None:
    reserved = [name for name in variables if name in _RESERVED]
    if reserved:
        reason = "contains reserved keys that are currently not supported for modification."
        names = ", ".join(reserved)
        raise api_error(f"{_NOT_CONFIGURED}{reason} Reserved keys used in this request: {names}")
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _MAX_ENVIRONMENT_BYTES:
        raise api_error(f"{_NOT_CONFIGURED}exceeded the 4KB limit. String measured: {measured}")


def _check_layers(arns: Sequence[str]) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html."""
    if any(not re.fullmatch(_LAYER, arn) for arn in arns):
        raise invalid_member("layers", f"[{', '.join(arns)}]", _LAYER_RULE)
    if len(arns) > _MAX_LAYERS:
        raise api_error("Cannot reference more than 5 layers.")
    seen: dict[str, str] = {}
    for arn in arns:
        layer = arn.rpartition(":")[0]
        if layer in seen:
            message = "Two different versions of the same layer are not allowed to be referenced in the same function. "
            raise api_error(f"{message}{seen[layer]} and {arn} are versions of the same layer.")
        seen[layer] = arn
