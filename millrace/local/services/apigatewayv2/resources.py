"""HTTP APIs: routes, integrations, stages and authorizers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType
from millrace.local.services.apigatewayv2.integration_checks import unsupported_integration

_SERVICE = "apigatewayv2"


def _only(kind: str, **supported: str) -> Callable[[Properties], Properties]:
    """Return a conversion that raises UnsupportedError for any other value of these properties."""

    def reshape(properties: Properties) -> Properties:
        for name, value in supported.items():
            if (found := properties.get(name, value)) != value:
                user = str(properties.get("Name") or properties.get("IntegrationUri") or properties.get("ApiId"))
                raise UnsupportedError(f"AWS::ApiGatewayV2::{kind}.{name} {found!r}", user, f"set it to {value!r}")
        return properties

    return reshape


_API = props(
    "ApiKeySelectionExpression",
    "CorsConfiguration",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "IpAddressType",
    "Name",
    "RouteSelectionExpression",
    "Version",
)
_API_ID = {"ApiId": "{id}"}

API = ResourceType(
    "AWS::ApiGatewayV2::Api",
    _SERVICE,
    create=Call("create_api", props("ProtocolType", "Tags") | _API),
    id="{ApiId}",
    attributes={
        "ApiEndpoint": "{ApiEndpoint}",
        "ApiId": "{ApiId}",
        "ExecuteApiArn": "arn:{partition}:execute-api:{region}:{account}:{ApiId}",
    },
    steps=(
        Setting(Call("update_api", _API, _API_ID), at_creation=False),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "arn:{partition}:apigateway:{region}::/apis/{id}"}),
    ),
    delete=(Call("delete_api", by=_API_ID),),
    immutable=frozenset({"ProtocolType"}),
    defaults={
        "CorsConfiguration": {},
        "Description": "",
        "DisableExecuteApiEndpoint": False,
        "RouteSelectionExpression": "$request.method $request.path",
    },
    not_in_moto={"IpAddressType": "moto's CreateApi drops it"},
    reshape=_only("Api", ProtocolType="HTTP"),
    unsupported=lambda given: ["ProtocolType 'WEBSOCKET'"] if given.get("ProtocolType") == "WEBSOCKET" else [],
)

_ROUTE = props(
    "ApiKeyRequired",
    "AuthorizationScopes",
    "AuthorizationType",
    "AuthorizerId",
    "OperationName",
    "RouteKey",
    "Target",
)

ROUTE = ResourceType(
    "AWS::ApiGatewayV2::Route",
    _SERVICE,
    create=Call("create_route", props("ApiId") | _ROUTE),
    id="{RouteId}",
    attributes={"RouteId": "{RouteId}"},
    steps=(Setting(Call("update_route", _ROUTE, {"ApiId": "{ApiId}", "RouteId": "{id}"}), at_creation=False),),
    delete=(Call("delete_route", by={"ApiId": "{ApiId}", "RouteId": "{id}"}),),
    immutable=frozenset({"ApiId"}),
    defaults={"AuthorizationScopes": [], "AuthorizationType": "NONE", "AuthorizerId": "", "OperationName": ""},
)


def _of_status(given: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the response parameters of an integration as the API has them: by status, source by destination."""
    return {
        status: {each["Destination"]: each["Source"] for each in parameters["ResponseParameters"]}
        for status, parameters in given.items()
    }


def _checked(properties: Properties) -> Properties:
    """Raise UnsupportedError for an integration that the local cloud does not serve."""
    reason = unsupported_integration(properties)
    if reason:
        name, _, fix = reason.partition(": ")
        user = str(properties.get("IntegrationUri") or properties.get("ApiId"))
        raise UnsupportedError(f"AWS::ApiGatewayV2::Integration.{name}", user, fix)
    return properties


_INTEGRATION = props(
    "ConnectionType",
    "CredentialsArn",
    "Description",
    "IntegrationMethod",
    "IntegrationSubtype",
    "IntegrationType",
    "IntegrationUri",
    "PassthroughBehavior",
    "PayloadFormatVersion",
    "RequestParameters",
    "TimeoutInMillis",
) | {"ResponseParameters": Argument("ResponseParameters", _of_status)}
_INTEGRATION_ID = {"ApiId": "{ApiId}", "IntegrationId": "{id}"}

INTEGRATION = ResourceType(
    "AWS::ApiGatewayV2::Integration",
    _SERVICE,
    create=Call("create_integration", props("ApiId") | _INTEGRATION),
    id="{IntegrationId}",
    attributes={"IntegrationId": "{IntegrationId}"},
    steps=(Setting(Call("update_integration", _INTEGRATION, _INTEGRATION_ID), at_creation=False),),
    delete=(Call("delete_integration", by=_INTEGRATION_ID),),
    immutable=frozenset({"ApiId"}),
    defaults={"Description": "", "RequestParameters": {}, "ResponseParameters": {}, "TimeoutInMillis": 30000},
    reshape=_checked,
)

_STAGE = props(
    "AccessLogSettings",
    "AutoDeploy",
    "DefaultRouteSettings",
    "DeploymentId",
    "Description",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
)
_STAGE_NAME = {"ApiId": "{ApiId}", "StageName": "{id}"}

STAGE = ResourceType(
    "AWS::ApiGatewayV2::Stage",
    _SERVICE,
    create=None,
    id="{StageName}",
    steps=(
        # moto has no UpdateStage, so the previous stage must be deleted.
        Setting(
            Call("create_stage", _STAGE, {"ApiId": "{ApiId}"}),
            delete_first=Call("delete_stage", by=_STAGE_NAME),
            send_all=True,
        ),
    ),
    delete=(Call("delete_stage", by=_STAGE_NAME),),
    immutable=frozenset({"ApiId", "StageName"}),
    other_properties=frozenset({"ApiId"}),
    not_in_moto={"DeploymentId": "moto's CreateStage drops it"},
)

_AUTHORIZER = props(
    "AuthorizerCredentialsArn",
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "AuthorizerType",
    "AuthorizerUri",
    "EnableSimpleResponses",
    "IdentitySource",
    "JwtConfiguration",
    "Name",
)
_AUTHORIZER_ID = {"ApiId": "{ApiId}", "AuthorizerId": "{id}"}

AUTHORIZER = ResourceType(
    "AWS::ApiGatewayV2::Authorizer",
    _SERVICE,
    create=Call("create_authorizer", props("ApiId") | _AUTHORIZER),
    id="{AuthorizerId}",
    attributes={"AuthorizerId": "{AuthorizerId}"},
    steps=(Setting(Call("update_authorizer", _AUTHORIZER, _AUTHORIZER_ID), at_creation=False),),
    delete=(Call("delete_authorizer", by=_AUTHORIZER_ID),),
    immutable=frozenset({"ApiId"}),
    defaults={"AuthorizerResultTtlInSeconds": 0, "EnableSimpleResponses": False, "IdentitySource": []},
)

TYPES = (API, ROUTE, INTEGRATION, STAGE, AUTHORIZER)
