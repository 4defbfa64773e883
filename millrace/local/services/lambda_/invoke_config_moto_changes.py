"""The API of event invoke configurations; moto keeps one for each function, and checks little.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
"""

import json
import re
import time
from typing import Any
from urllib.parse import unquote

from millrace.local.core.moto_patches import replace
from millrace.local.services.lambda_.errors import api_error, invalid_member

LATEST = "$LATEST"
_QUALIFIED_COLONS = 7
_STORED = "millrace_invoke_configs"
"""The attribute of moto's backend with the configurations, by the qualified ARN of the function."""
_DESTINATION = r"^$|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
_SERVICES = frozenset({"events", "lambda", "s3", "sns", "sqs"})
_LIMITS = {"MaximumRetryAttempts": (0, 2), "MaximumEventAgeInSeconds": (60, 21_600)}
_OUTCOMES = ("OnSuccess", "OnFailure")


def apply() -> None:
    """Replace moto's operations."""
    from moto.awslambda.models import LambdaBackend
    from moto.awslambda.responses import LambdaResponse

    for operation in (_put, _update, _get, _delete):
        replace(LambdaResponse, f"{operation.__name__[1:]}_function_event_invoke_config", operation)
    replace(LambdaResponse, "list_function_event_invoke_configs", _list)
    delete_by_moto = LambdaBackend.delete_function

    def delete_function(backend: Any, function_name: str, qualifier: str | None = None) -> Any:
        deleted = delete_by_moto(backend, function_name, qualifier)
        plain, derived = _names(function_name)
        arn = _arn(backend, plain, qualifier or derived)
        for stored in [each for each in _stored(backend) if each == arn or (not qualifier and _function(each) == arn)]:
            del _stored(backend)[stored]
        return deleted

    replace(LambdaBackend, "delete_function", delete_function)


def invoke_config(backend: Any, arn: str) -> dict[str, Any]:
    """Return the event invoke configuration of a function, version or alias by its ARN; empty without one."""
    found: dict[str, Any] = _stored(backend).get(qualified(arn), {})
    return found


def qualified(arn: str) -> str:
    """Return the ARN of a function with its version or alias, $LATEST by default."""
    return arn if _function(arn) else f"{arn}:{LATEST}"


def _put(response: Any) -> str:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html."""
    return _write(response, _existing_arn(response), {})


def _update(response: Any) -> str:
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html."""
    arn = _existing_arn(response)
    return _write(response, arn, _found(response.backend, arn))


def _get(response: Any) -> str:
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html."""
    return json.dumps(_found(response.backend, _requested_arn(response)))


def _delete(response: Any) -> Any:
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html."""
    arn = _requested_arn(response)
    _found(response.backend, arn)
    del _stored(response.backend)[arn]
    return 204, {"status": 204}, ""


def _list(response: Any) -> str:
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionEventInvokeConfigs.html."""
    plain, _ = _names(response.path.rsplit("/", 3)[1])
    _check_exists(response.backend, plain)
    function = _arn(response.backend, plain, "")
    found = [config for arn, config in _stored(response.backend).items() if _function(arn) == function]
    return json.dumps({"FunctionEventInvokeConfigs": found})


def _write(response: Any, arn: str, before: dict[str, Any]) -> str:
    given = {name: response.json_body.get(name) for name in (*_LIMITS, "DestinationConfig")}
    if all(value is None for value in given.values()):
        raise api_error("You must specify at least one of error handling or destination setting.")
    for name, (least, most) in _LIMITS.items():
        _check_limit(name, given[name], least, most)
    destinations = given["DestinationConfig"]
    if destinations is not None:
        _check_destinations(response.backend, arn, destinations)
        given["DestinationConfig"] = {name: destinations.get(name) or {} for name in _OUTCOMES}
    config = {"DestinationConfig": {name: {} for name in _OUTCOMES}, **before}
    config |= {name: value for name, value in given.items() if value is not None}
    config |= {"FunctionArn": arn, "LastModified": time.time()}
    _stored(response.backend)[arn] = config
    return json.dumps(config)


def _check_limit(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        bound = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
        raise invalid_member(f"{name[0].lower()}{name[1:]}", value, f"Member must have value {bound}")


def _check_destinations(backend: Any, arn: str, destinations: dict[str, Any]) -> None:
    given = {name: (destinations.get(name) or {}).get("Destination") for name in _OUTCOMES}
    for name, destination in given.items():
        if destination and not re.fullmatch(_DESTINATION, destination):
            place = f"destinationConfig.{name[0].lower()}{name[1:]}.destination"
            rule = f"Member must satisfy regular expression pattern: {_DESTINATION}"
            raise invalid_member(place, destination, rule)
    for destination in filter(None, given.values()):
        service = destination.split(":")[2]
        if service not in _SERVICES:
            raise api_error(f"The provided destination config {_as_java(given)} is invalid.")
        if service == "lambda" and destination == _function(arn):
            raise api_error("You can't specify the function as a destination for itself.")
        if service == "lambda" and _is_missing_here(backend, destination):
            raise api_error(f"The destination ARN {destination} is invalid.")


def _is_missing_here(backend: Any, destination: str) -> bool:
    """Whether a function of this account and region does not exist."""
    _, _, _, region, account, _, name, *_ = destination.split(":")
    return (region, account) == (backend.region_name, backend.account_id) and not _exists(backend, name)


def _as_java(given: dict[str, str | None]) -> str:
    parts = (
        f"{name[0].lower()}{name[1:]}={f'{name}(destination={destination})' if destination else 'null'}"
        for name, destination in given.items()
    )
    return f"DestinationConfig({', '.join(parts)})"


def _requested_arn(response: Any) -> str:
    """Return the qualified ARN of the request. Its function need not exist."""
    plain, derived = _names(response.path.rsplit("/", 2)[1])
    qualifier = response._get_param("Qualifier")
    if derived and qualifier and derived != qualifier:
        raise api_error("The derived qualifier from the function name does not match the specified qualifier.")
    return _arn(response.backend, plain, derived or qualifier or LATEST)


def _existing_arn(response: Any) -> str:
    arn = _requested_arn(response)
    *_, plain, qualifier = arn.split(":")
    _check_exists(response.backend, plain, qualifier)
    return arn


def _check_exists(backend: Any, plain: str, qualifier: str = LATEST) -> None:
    if not _exists(backend, plain, qualifier):
        raise api_error("The function doesn't exist.", "ResourceNotFoundException", 404)


def _exists(backend: Any, plain: str, qualifier: str = LATEST) -> bool:
    from moto.awslambda.exceptions import UnknownFunctionException

    try:
        backend.get_function(plain, qualifier)
    except UnknownFunctionException:
        return False
    return True


def _found(backend: Any, arn: str) -> dict[str, Any]:
    if arn not in _stored(backend):
        raise api_error(f"The function {arn} doesn't have an EventInvokeConfig", "ResourceNotFoundException", 404)
    found: dict[str, Any] = _stored(backend)[arn]
    return found


def _stored(backend: Any) -> dict[str, dict[str, Any]]:
    stored: dict[str, dict[str, Any]] = vars(backend).setdefault(_STORED, {})
    return stored


def _names(name: str) -> tuple[str, str]:
    """Return the plain name of a function and its version or alias, which can be empty, from a name or an ARN."""
    plain, _, qualifier = unquote(name).rpartition("function:")[2].partition(":")
    return plain, qualifier


def _arn(backend: Any, plain: str, qualifier: str) -> str:
    arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{plain}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _function(arn: str) -> str:
    """Return the ARN without the version or alias; "" for an ARN without one."""
    return arn.rpartition(":")[0] if arn.count(":") == _QUALIFIED_COLONS else ""
