"""Function URLs in moto's Lambda API. moto stores them without a check, one per function, and serves none."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from millrace.local.core.errors import ApiError
from millrace.local.core.moto_patches import add, replace
from millrace.local.services.lambda_urls.configs import UrlConfigs

_PATHS = ("url", "urls")
_PREFIX = "{0}/2021-10-31/functions/(?P<function_name>[^/]+)"


def apply(region: Callable[..., Any]) -> None:
    """Replace the operations on function URLs, and keep the conditions of their permissions."""
    from moto.awslambda import urls
    from moto.awslambda.responses import LambdaResponse

    def create_function_url_config(response: Any) -> Any:
        given = response.json_body
        return 201, _made(UrlConfigs(response.backend).create(*_named(response), given, region().clock.now()))

    def get_function_url_config(response: Any) -> Any:
        return 200, _made(UrlConfigs(response.backend).get(*_named(response)))

    def update_function_url_config(response: Any) -> Any:
        given = response.json_body
        return 200, _made(UrlConfigs(response.backend).update(*_named(response), given, region().clock.now()))

    def delete_function_url_config(response: Any) -> Any:
        UrlConfigs(response.backend).delete(*_named(response))
        return 204, ""

    def list_function_url_configs(response: Any) -> Any:
        found = [each.to_dict() for each in UrlConfigs(response.backend).of_function(_named(response)[0])]
        start, size = int(response._get_param("Marker") or 0), int(response._get_param("MaxItems") or 50)
        more = {"NextMarker": str(start + size)} if start + size < len(found) else {}
        return 200, json.dumps({"FunctionUrlConfigs": found[start : start + size], **more})

    for operation in (create_function_url_config, delete_function_url_config, get_function_url_config):
        replace(LambdaResponse, operation.__name__, _answered(operation))
    replace(LambdaResponse, "update_function_url_config", _answered(update_function_url_config))
    add(LambdaResponse, "list_function_url_configs", _answered(list_function_url_configs))
    for path in _PATHS:
        urls.url_paths[f"{_PREFIX}/{path}/?$"] = LambdaResponse.dispatch
    _keep_conditions()


def _made(config: Any) -> str:
    return json.dumps(config.to_dict())


def _named(response: Any) -> tuple[str, str]:
    """Return the name and the qualifier of the function in a request."""
    return unquote(response.path.rstrip("/").split("/")[-2]), response._get_param("Qualifier") or ""


def _answered(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an operation of moto for a function that returns status and body, or raises ApiError."""

    def answered(response: Any) -> Any:
        from moto.awslambda.exceptions import LambdaClientError

        try:
            status, body = answer(response)
        except ApiError as error:
            refused = LambdaClientError(error.code, error.message)
            refused.code = error.status
            raise refused from error
        return status, {"status": status}, body

    return answered


def _keep_conditions() -> None:
    """moto drops the conditions of a permission for function URLs, and would allow each caller.

    https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """
    from moto.awslambda.policy import Policy

    merge = Policy.condition_merge

    def condition_merge(policy: Any, obj: dict[str, Any]) -> None:
        merge(policy, obj)
        for operator, keys in _conditions(obj).items():
            obj.setdefault("Condition", {}).setdefault(operator, {}).update(keys)

    replace(Policy, "condition_merge", condition_merge)


def _conditions(given: dict[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Remove the members for function URLs from a permission, and return its conditions."""
    found: dict[str, dict[str, str]] = {}
    if auth_type := given.pop("FunctionUrlAuthType", None):
        found["StringEquals"] = {"lambda:FunctionUrlAuthType": auth_type}
    via_url = given.pop("InvokedViaFunctionUrl", None)
    if via_url is not None:
        found["Bool"] = {"lambda:InvokedViaFunctionUrl": str(via_url).lower()}
    return found
