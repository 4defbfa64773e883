"""Changes to moto's HTTP APIs."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from millrace.local.core.moto_patches import add, replace, when_imported
from millrace.local.services.apigatewayv2.integration_checks import (
    invalid_authorizer,
    invalid_integration,
    unsupported_integration,
)
from millrace.local.services.apigatewayv2.service import HttpApis

_FIELDS = {
    "auth_creds_arn": "AuthorizerCredentialsArn",
    "auth_payload_format_version": "AuthorizerPayloadFormatVersion",
    "auth_result_ttl": "AuthorizerResultTtlInSeconds",
    "enable_simple_response": "EnableSimpleResponses",
}
"""moto's names of members that differ from the API's."""
_ROUTE_KEY = re.compile(r"\$default|(ANY|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT) /\S*")
_ROUTE_FORMAT = 'Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
_CACHE = "{0}/v2/apis/(?P<api_id>[^/]+)/stages/(?P<stage_name>[^/]+)/cache/authorizers$"


def apply(region: Callable[..., Any]) -> None:
    """Apply every change."""
    _create_apis()
    _reject_conflicts()
    for kind in ("authorizer", "integration", "route", "stage"):
        _reject_unknown(kind)
    for kind, reject in (("integration", _reject_integration), ("authorizer", _reject_authorizer)):
        _check(f"create_{kind}", reject, kind)
        _check(f"update_{kind}", reject, kind)
    _update_stages()
    _reset_authorizers(region)


def _create_apis() -> None:
    """Set the endpoint of HTTP APIs to the local cloud; moto gives the one at AWS. Create the target of quick create.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
    """
    from moto.apigatewayv2.models import Api
    from moto.apigatewayv2.responses import ApiGatewayV2Response

    init_by_moto, create_by_moto = Api.__init__, ApiGatewayV2Response.create_api

    def __init__(api: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init_by_moto(api, *args, **kwargs)
        api.api_endpoint = f"http://{api.api_id}.execute-api.localhost:{os.environ['MOTO_PORT']}"

    def create_api(response: Any) -> Any:
        given = json.loads(response.body)
        if given.get("protocolType") == "WEBSOCKET":
            raise NotImplementedError("The local cloud serves HTTP APIs only, not the ProtocolType WEBSOCKET.")
        status, headers, body = create_by_moto(response)
        if target := given.get("target"):
            backend, created = response.apigatewayv2_backend, json.loads(body)
            try:
                _quick_create(backend.apis[created["apiId"]], given, target)
            except Exception:
                backend.delete_api(created["apiId"])
                raise
        return status, headers, body

    replace(Api, "__init__", __init__)
    replace(ApiGatewayV2Response, "create_api", create_api)


def _quick_create(api: Any, given: Mapping[str, Any], target: str) -> None:
    """Create an integration, a route and the default stage of an API."""
    from moto.apigatewayv2.models import Stage

    of_function = target.startswith("arn:")
    made = api.create_integration(
        connection_type="INTERNET",
        description=None,
        integration_method=None if of_function else "ANY",
        integration_type="AWS_PROXY" if of_function else "HTTP_PROXY",
        integration_uri=target,
        credentials_arn=given.get("credentialsArn"),
        payload_format_version="2.0" if of_function else "1.0",
    )
    api.create_route(
        api_key_required=False,
        authorization_scopes=[],
        route_key=given.get("routeKey") or "$default",
        target=f"integrations/{made.id}",
    )
    api.stages["$default"] = Stage(api, {"stageName": "$default", "autoDeploy": True})


def _check(operation: str, reject: Callable[[Mapping[str, Any]], None], kind: str) -> None:
    """Check what an operation would store. An update is checked with the members that it leaves as they are."""
    from moto.apigatewayv2.models import Api

    original = getattr(Api, operation)

    def checked(api: Any, *args: Any, **given: Any) -> Any:
        before = {} if operation.startswith("create") else vars(getattr(api, f"get_{kind}")(given[f"{kind}_id"]))
        merged = before | {name: value for name, value in given.items() if value is not None}
        reject({_FIELDS.get(name, _in_pascal_case(name)): value for name, value in merged.items()})
        return original(api, *args, **given)

    replace(Api, operation, checked)


def _reject_unknown(kind: str) -> None:
    """moto ignores the deletion of what does not exist."""
    from moto.apigatewayv2.models import Api

    delete, get = getattr(Api, f"delete_{kind}"), getattr(Api, f"get_{kind}")

    def checked(api: Any, *args: Any, **given: Any) -> None:
        get(api, *args, **given)
        delete(api, *args, **given)

    replace(Api, f"delete_{kind}", checked)


def _reject_conflicts() -> None:
    """moto accepts any route key, and a route or a stage twice.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html
    """
    from moto.apigatewayv2.exceptions import APIGatewayV2Error
    from moto.apigatewayv2.models import Api

    create_route_by_moto, create_stage_by_moto = Api.create_route, Api.create_stage

    def conflict(message: str) -> Exception:
        error: Exception = APIGatewayV2Error("ConflictException", message)
        error.code = 409  # type: ignore[attr-defined]
        return error

    def create_route(api: Any, *args: Any, **given: Any) -> Any:
        key = str(given.get("route_key"))
        if not _ROUTE_KEY.fullmatch(key):
            _reject(f"The provided route key is not formatted properly for HTTP protocol: {key}. {_ROUTE_FORMAT}")
        if key in [route.route_key for route in api.routes.values()]:
            raise conflict(f"Route with key {key} already exists for this API")
        return create_route_by_moto(api, *args, **given)

    def create_stage(api: Any, config: dict[str, Any]) -> Any:
        if config["stageName"] in api.stages:
            raise conflict("Stage already exists")
        return create_stage_by_moto(api, config)

    replace(Api, "create_route", create_route)
    replace(Api, "create_stage", create_stage)


def _in_pascal_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _reject_integration(given: Mapping[str, Any]) -> None:
    if reason := unsupported_integration(given):
        raise NotImplementedError(f"The local cloud does not serve integrations with {reason}")
    _reject(invalid_integration(given))


def _reject_authorizer(given: Mapping[str, Any]) -> None:
    _reject(invalid_authorizer(given))


def _reject(reason: str | None) -> None:
    from moto.apigatewayv2.exceptions import BadRequestException

    if reason:
        raise BadRequestException(reason)


def _update_stages() -> None:
    """Add UpdateStage, which moto lacks.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html
    """
    from moto.apigatewayv2.responses import ApiGatewayV2Response

    def update_stage(response: Any) -> Any:
        *_, api, _, name = response.path.split("/")
        stage = response.apigatewayv2_backend.get_stage(api, unquote(name))
        for member, value in json.loads(response.body).items():
            attribute = _in_snake_case(member)
            if hasattr(stage, attribute):
                setattr(stage, attribute, value)
        return 200, {}, json.dumps(stage.to_json())

    add(ApiGatewayV2Response, "update_stage", update_stage)


def _in_snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _reset_authorizers(region: Callable[..., Any]) -> None:
    """Add ResetAuthorizersCache, which moto lacks.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename-cache-authorizers.html
    """
    from moto.apigatewayv2.responses import ApiGatewayV2Response

    def reset_authorizers_cache(response: Any) -> Any:
        *_, api, _, stage, _, _ = response.path.split("/")
        response.apigatewayv2_backend.get_stage(api, unquote(stage))
        region().service(HttpApis).lambda_authorizer.reset(api, unquote(stage))
        return 204, {}, ""

    def route() -> None:
        from moto.apigateway import urls

        urls.url_paths[_CACHE] = ApiGatewayV2Response.dispatch

    add(ApiGatewayV2Response, "reset_authorizers_cache", reset_authorizers_cache)
    when_imported("apigateway", route)
