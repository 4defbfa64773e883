"""Changes to moto's REST APIs."""

import json
from collections.abc import Callable
from typing import Any

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


def apply(region: Callable[..., Any]) -> None:
    """Apply every change, once REST APIs are used: moto imports them slowly."""
    when_imported("apigateway", lambda: _apply(region))


def _apply(region: Callable[..., Any]) -> None:
    _keep_binary_media_types()
    _keep_validation_expression()
    _reject_unsupported()
    for kind in _DELETED:
        _report_unknown(kind)
    _flush_authorizers(region)


def _keep_binary_media_types() -> None:
    """moto drops the binary media types of a new API."""
    from moto.apigateway.responses import APIGatewayResponse  # noqa: PLC0415

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
    from moto.apigateway.models import Authorizer  # noqa: PLC0415

    init_by_moto = Authorizer.__init__

    def __init__(authorizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        init_by_moto(authorizer, *args, **kwargs)
        given = kwargs.get("identiy_validation_expression")
        authorizer.identity_validation_expression = authorizer.identity_validation_expression or given

    replace(Authorizer, "__init__", __init__)


def _reject_unsupported() -> None:
    """Reject integrations that nothing serves, as CloudFormation does."""
    from moto.apigateway.models import APIGatewayBackend  # noqa: PLC0415

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


def _report_unknown(kind: str) -> None:
    """moto fails at the deletion of what does not exist."""
    from moto.apigateway.exceptions import NotFoundException  # noqa: PLC0415
    from moto.apigateway.models import APIGatewayBackend  # noqa: PLC0415

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
    from moto.apigateway import urls  # noqa: PLC0415
    from moto.apigateway.responses import APIGatewayResponse  # noqa: PLC0415

    def flush_stage_authorizers_cache(response: Any) -> Any:
        _, _, api, _, stage, *_ = response.path.split("/")
        response.backend.get_stage(api, stage)
        region().service(RestApis).authorizer.reset(api, stage)
        return 202, {"status": 202}, ""

    add(APIGatewayResponse, "flush_stage_authorizers_cache", flush_stage_authorizers_cache)
    urls.url_paths[_CACHE] = APIGatewayResponse.dispatch
