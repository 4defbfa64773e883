"""Changes to moto's REST APIs."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from millrace.local.core.json_text import parsed
from millrace.local.core.moto_patches import add, replace, when_imported
from millrace.local.services.apigateway.integrations import unsupported
from millrace.local.services.apigateway.service import RestApis

_CACHE = "{0}/restapis/(?P<function_id>[^/]+)/stages/(?P<stage_name>[^/]+)/cache/authorizers/?$"
_DELETED = {
    "authorizer": "Authorizer identifier",
    "integration": "Integration identifier",
    "request_validator": "Request Validator identifier",
    "resource": "Resource identifier",
    "rest_api": "API identifier",
    "usage_plan": "Usage Plan ID",
    "usage_plan_key": "Usage Plan or API Key identifier",
}
_TAGS = "{0}/tags/arn:(?P<partition>[^/]+):apigateway:(?P<region>[^/]+)::/(?P<kind>[^/]+)/(?P<name>[^/]+)$"
_TAGGED = re.compile(r"arn:[\w-]+:apigateway:[\w-]*::/restapis/([^/]+)(?:/stages/([^/]+))?")
_ARN = re.compile(r"arn:[\w-]+:apigateway:[\w-]*::/.+")
_PATCH_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")


def apply(region: Callable[..., Any]) -> None:
    """Apply every change, once REST APIs are used: moto imports them slowly."""
    when_imported("apigateway", lambda: _apply(region))


def _apply(region: Callable[..., Any]) -> None:
    _keep_binary_media_types()
    _keep_validation_expression()
    _reject_unsupported()
    _check_documents()
    _check_patches()
    _find_tagged_resources()
    for kind in _DELETED:
        _report_unknown(kind)
    _flush_authorizers(region)


def _keep_binary_media_types() -> None:
    """moto drops the binary media types of a new API."""
    from moto.apigateway.responses import APIGatewayResponse

    create_by_moto = APIGatewayResponse.create_rest_api

    def create_rest_api(response: Any) -> Any:
        status, headers, body = create_by_moto(response)
        created, sent = json.loads(body), parsed(response.body)
        given = sent.get("binaryMediaTypes") if isinstance(sent, dict) else None
        if given and "id" in created:
            response.backend.get_rest_api(created["id"]).binaryMediaTypes = given
            body = json.dumps({**created, "binaryMediaTypes": given})
        return status, headers, body

    replace(APIGatewayResponse, "create_rest_api", create_rest_api)


def _keep_validation_expression() -> None:
    """moto misspells the validation expression of an authorizer, and so drops it."""
    from moto.apigateway.models import Authorizer

    init_by_moto = Authorizer.__init__

    def __init__(authorizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init_by_moto(authorizer, *args, **kwargs)
        given = kwargs.get("identiy_validation_expression")
        authorizer.identity_validation_expression = authorizer.identity_validation_expression or given

    replace(Authorizer, "__init__", __init__)


def _reject_unsupported() -> None:
    """Reject integrations that nothing serves, as CloudFormation does."""
    from moto.apigateway.models import APIGatewayBackend

    put = APIGatewayBackend.put_integration

    def put_integration(
        backend: Any,
        function_id: str,
        resource_id: str,
        method_type: str,
        integration_type: str,
        uri: str,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        if refused := unsupported(integration_type, uri or ""):
            raise NotImplementedError(f"The local cloud does not serve {refused[0]}: {refused[1]}.")
        return put(backend, function_id, resource_id, method_type, integration_type, uri, *args, **kwargs)

    replace(APIGatewayBackend, "put_integration", put_integration)


def _check_documents() -> None:
    """Reject an import without an OpenAPI document, on which moto fails, and an import of API keys, which moto lacks.

    https://docs.aws.amazon.com/apigateway/latest/api/API_ImportRestApi.html
    """
    from moto.apigateway import responses
    from moto.apigateway.exceptions import BadRequestException
    from yaml import YAMLError  # type: ignore[import-untyped]

    calls, read = responses.APIGatewayResponse, responses.deserialize_body
    create_by_moto, put_by_moto, create_api_key_by_moto = (
        calls.create_rest_api,
        calls.put_rest_api,
        calls.create_api_key,
    )

    def deserialize_body(body: str) -> Any:
        try:
            return read(body)
        except (TypeError, YAMLError) as error:
            raise BadRequestException("Invalid OpenAPI input.") from error

    def create_rest_api(response: Any) -> Any:
        return put_rest_api(response, create_by_moto) if _is_import(response) else create_by_moto(response)

    def put_rest_api(response: Any, by_moto: Callable[..., Any] = put_by_moto) -> Any:
        if not deserialize_body(response.body):
            raise BadRequestException("Invalid OpenAPI input.")
        return by_moto(response)

    def create_api_key(response: Any) -> Any:
        if _is_import(response):
            raise NotImplementedError("Create each API key with CreateApiKey.")
        return create_api_key_by_moto(response)

    replace(responses, "deserialize_body", deserialize_body)
    replace(calls, "create_rest_api", create_rest_api)
    replace(calls, "put_rest_api", put_rest_api)
    replace(calls, "create_api_key", create_api_key)


def _is_import(response: Any) -> bool:
    return "import" in response.querystring.get("mode", ())


def _check_patches() -> None:
    """Reject malformed patch operations, on which moto fails. An update without any changes nothing.

    https://docs.aws.amazon.com/apigateway/latest/api/API_PatchOperation.html
    """
    from moto.apigateway.exceptions import BadRequestException
    from moto.apigateway.responses import APIGatewayResponse

    get_by_moto = APIGatewayResponse._get_param

    def _get_param(response: Any, param_name: str, if_none: Any = None) -> Any:
        found = get_by_moto(response, param_name, if_none)
        if param_name != "patchOperations":
            return found
        for each in found or ():
            if each.get("op") not in _PATCH_OPERATIONS or not str(each.get("path", "")).startswith("/"):
                known = ", ".join(_PATCH_OPERATIONS)
                raise BadRequestException(
                    f"Invalid patch operation {each}: `op` is one of {known}, `path` begins with /."
                )
        return [{"value": "", **each} for each in found or ()]

    replace(APIGatewayResponse, "_get_param", _get_param)


def _find_tagged_resources() -> None:
    """Tag REST APIs and stages. moto tags stages only, and fails at any other ARN.

    https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html
    """
    from moto.apigateway import urls
    from moto.apigateway.responses import APIGatewayResponse

    urls.url_paths[_TAGS] = APIGatewayResponse.dispatch

    def get_tags(response: Any) -> str:
        return json.dumps({"tags": _tagged(response).tags or {}})

    def tag_resource(response: Any) -> Any:
        resource = _tagged(response)
        resource.tags = {**(resource.tags or {}), **(response._get_param("tags") or {})}
        return 204, {"status": 204}, ""

    def untag_resource(response: Any) -> Any:
        resource = _tagged(response)
        removed = response.querystring.get("tagKeys", ())
        resource.tags = {key: value for key, value in (resource.tags or {}).items() if key not in removed}
        return 204, {"status": 204}, ""

    for change in (get_tags, tag_resource, untag_resource):
        replace(APIGatewayResponse, change.__name__, change)


def _tagged(response: Any) -> Any:
    """Return the stage or REST API that a request about tags names."""
    from moto.apigateway.exceptions import BadRequestException

    arn = unquote(response.path.partition("/tags/")[2])
    if found := _TAGGED.fullmatch(arn):
        api, stage = found.groups()
        return response.backend.get_stage(api, stage) if stage else response.backend.get_rest_api(api)
    if _ARN.fullmatch(arn):
        raise NotImplementedError(f"The local cloud has no tags of {arn}.")
    raise BadRequestException(f"Invalid ARN specified in the request: {arn}")


def _report_unknown(kind: str) -> None:
    """moto fails at the deletion of what does not exist."""
    from moto.apigateway.exceptions import NotFoundException
    from moto.apigateway.models import APIGatewayBackend

    delete = getattr(APIGatewayBackend, f"delete_{kind}")
    unknown = NotFoundException(f"Invalid {_DELETED[kind]} specified")
    unknown.code = 404

    def checked(backend: Any, *args: Any, **given: Any) -> Any:
        try:
            deleted = delete(backend, *args, **given)
        except KeyError as error:
            raise unknown from error
        if kind == "integration" and deleted is None:
            raise unknown
        return deleted

    replace(APIGatewayBackend, f"delete_{kind}", checked)


def _flush_authorizers(region: Callable[..., Any]) -> None:
    """Add FlushStageAuthorizersCache, which moto lacks.

    https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html
    """
    from moto.apigateway import urls
    from moto.apigateway.responses import APIGatewayResponse

    def flush_stage_authorizers_cache(response: Any) -> Any:
        _, _, api, _, stage, *_ = response.path.split("/")
        response.backend.get_stage(api, stage)
        region().service(RestApis).authorizer.reset(api, stage)
        return 202, {"status": 202}, ""

    add(APIGatewayResponse, "flush_stage_authorizers_cache", flush_stage_authorizers_cache)
    urls.url_paths[_CACHE] = APIGatewayResponse.dispatch
