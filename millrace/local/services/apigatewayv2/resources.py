"""HTTP APIs: routes, integrations with functions, stages, JWT authorizers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
"""

from collections.abc import Callable

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.errors import Refused
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType

_SERVICE = "apigatewayv2"
_NOT_HERE = "The local cloud has HTTP APIs whose integrations are Lambda functions"


def _only(kind: str, **served: str) -> Callable[[Properties], Properties]:
    """Refuses by name a value that the local cloud does not serve; a value that is left out is as served."""

    def reshape(given: Properties) -> Properties:
        for name, wanted in served.items():
            if (value := given.get(name, wanted)) != wanted:
                raise Refused(f"AWS::ApiGatewayV2::{kind}.{name} {value!r}", _place(given), f"{_NOT_HERE}: {wanted!r}")
        return given

    return reshape


def _place(given: Properties) -> str:
    return str(given.get("Name") or given.get("IntegrationUri") or given.get("ApiId"))


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
_OF_API = {"ApiId": "{id}"}

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
        Setting(Call("update_api", _API, _OF_API), at_creation=False),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "arn:{partition}:apigateway:{region}::/apis/{id}"}),
    ),
    delete=(Call("delete_api", by=_OF_API),),
    immutable=frozenset({"ProtocolType"}),
    defaults={
        "CorsConfiguration": {},
        "Description": "",
        "DisableExecuteApiEndpoint": False,
        "RouteSelectionExpression": "$request.method $request.path",
    },
    kept_only_here={"IpAddressType": "moto's CreateApi drops it"},
    reshape=_only("Api", ProtocolType="HTTP"),
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

_INTEGRATION = props(
    "ConnectionType",
    "CredentialsArn",
    "Description",
    "IntegrationMethod",
    "IntegrationType",
    "IntegrationUri",
    "PassthroughBehavior",
    "PayloadFormatVersion",
    "TimeoutInMillis",
)
_OF_INTEGRATION = {"ApiId": "{ApiId}", "IntegrationId": "{id}"}

INTEGRATION = ResourceType(
    "AWS::ApiGatewayV2::Integration",
    _SERVICE,
    create=Call("create_integration", props("ApiId") | _INTEGRATION),
    id="{IntegrationId}",
    attributes={"IntegrationId": "{IntegrationId}"},
    steps=(Setting(Call("update_integration", _INTEGRATION, _OF_INTEGRATION), at_creation=False),),
    delete=(Call("delete_integration", by=_OF_INTEGRATION),),
    immutable=frozenset({"ApiId"}),
    defaults={"Description": "", "TimeoutInMillis": 30000},
    reshape=_only("Integration", IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0", ConnectionType="INTERNET"),
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
_OF_STAGE = {"ApiId": "{ApiId}", "StageName": "{id}"}

STAGE = ResourceType(
    "AWS::ApiGatewayV2::Stage",
    _SERVICE,
    create=None,
    id="{StageName}",
    steps=(
        # moto has no UpdateStage, so the one before has to go.
        Setting(
            Call("create_stage", _STAGE, {"ApiId": "{ApiId}"}), clear=Call("delete_stage", by=_OF_STAGE), whole=True
        ),
    ),
    delete=(Call("delete_stage", by=_OF_STAGE),),
    immutable=frozenset({"ApiId", "StageName"}),
    accepts=frozenset({"ApiId"}),
    kept_only_here={"DeploymentId": "moto's CreateStage drops it"},
)

_AUTHORIZER = props("IdentitySource", "JwtConfiguration", "Name", "AuthorizerType")
_OF_AUTHORIZER = {"ApiId": "{ApiId}", "AuthorizerId": "{id}"}

AUTHORIZER = ResourceType(
    "AWS::ApiGatewayV2::Authorizer",
    _SERVICE,
    create=Call("create_authorizer", props("ApiId") | _AUTHORIZER),
    id="{AuthorizerId}",
    attributes={"AuthorizerId": "{AuthorizerId}"},
    steps=(Setting(Call("update_authorizer", _AUTHORIZER, _OF_AUTHORIZER), at_creation=False),),
    delete=(Call("delete_authorizer", by=_OF_AUTHORIZER),),
    immutable=frozenset({"ApiId"}),
    reshape=_only("Authorizer", AuthorizerType="JWT"),
)

TYPES = (API, ROUTE, INTEGRATION, STAGE, AUTHORIZER)
