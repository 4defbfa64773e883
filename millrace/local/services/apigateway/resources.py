"""REST APIs: resources, methods, deployments, stages, validators and authorizers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Read, Setting
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext
from millrace.local.services.apigateway.integrations import SERVICES, URI
from millrace.local.services.apigateway.templates import TemplateSyntaxError, check
from millrace.local.services.apigateway.usage_plans import API_KEY, USAGE_PLAN, USAGE_PLAN_KEY

_SERVICE = "apigateway"
_API = {"restApiId": "{RestApiId}"}


def _fixed(name: str, create: str, properties: Iterable[str], identity: str, delete: Call, **more: Any) -> ResourceType:
    """Return a type that each change replaces, because its updates are patches that moto does not know."""
    named = {"Tags"} & set(properties)
    arguments = props(*(each for each in properties))
    return ResourceType(
        f"AWS::ApiGateway::{name}",
        _SERVICE,
        create=Call(create, arguments),
        id=identity,
        delete=(delete,),
        immutable=frozenset(arguments) - named,
        **more,
    )


def _of_api(operation: str, **by: str) -> Call:
    return Call(operation, by={**_API, **by})


_REST_API = (
    "ApiKeySourceType",
    "BinaryMediaTypes",
    "Description",
    "DisableExecuteApiEndpoint",
    "Name",
    "Policy",
    "Tags",
)
_ENDPOINTS = {"EndpointConfiguration": Argument("endpointConfiguration", lambda given: _lower(given, "Types"))}


def _lower(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: given[name] for name in names if name in given}


REST_API = ResourceType(
    "AWS::ApiGateway::RestApi",
    _SERVICE,
    create=Call(
        "create_rest_api",
        props("BinaryMediaTypes", "Description", "DisableExecuteApiEndpoint", "Name", "Policy", "Tags")
        | {"ApiKeySourceType": Argument("apiKeySource")}
        | _ENDPOINTS,
        {"name": "{logical_id}"},
    ),
    id="{id}",
    attributes={"RestApiId": "{id}", "RootResourceId": "{rootResourceId}"},
    steps=(Read(Call("get_rest_api", by={"restApiId": "{id}"})),),
    delete=(Call("delete_rest_api", by={"restApiId": "{id}"}),),
    immutable=frozenset({*_REST_API, "EndpointConfiguration"} - {"Tags"}),
)

RESOURCE = ResourceType(
    "AWS::ApiGateway::Resource",
    _SERVICE,
    create=Call("create_resource", props("ParentId", "PathPart", "RestApiId")),
    id="{id}",
    attributes={"ResourceId": "{id}"},
    delete=(_of_api("delete_resource", resourceId="{id}"),),
    immutable=frozenset({"ParentId", "PathPart", "RestApiId"}),
)

_METHOD = {**_API, "resourceId": "{ResourceId}", "httpMethod": "{HttpMethod}"}
_PUT_METHOD = Call(
    "put_method",
    props(
        "ApiKeyRequired",
        "AuthorizationScopes",
        "AuthorizationType",
        "AuthorizerId",
        "OperationName",
        "RequestModels",
        "RequestParameters",
        "RequestValidatorId",
    ),
    _METHOD,
)
_WHOLE = {"member": Argument("")}
_PUT_INTEGRATION = Call("put_integration", _WHOLE, _METHOD)
_PUT_RESPONSE = Call("put_method_response", _WHOLE, _METHOD)
_PUT_INTEGRATION_RESPONSE = Call("put_integration_response", _WHOLE, _METHOD)
_DELETE_METHOD = Call("delete_method", by=_METHOD)


@dataclass(frozen=True)
class _Method(Step):
    """A method with its integration and responses. A change replaces all of them."""

    properties: frozenset[str] = frozenset({*_PUT_METHOD.arguments, "Integration", "MethodResponses"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_PUT_METHOD, _PUT_INTEGRATION, _PUT_RESPONSE, _PUT_INTEGRATION_RESPONSE, _DELETE_METHOD)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Put the method, its integration and the responses of both."""
        if before == context.properties:
            return {}
        if before is not None:
            context.call(_DELETE_METHOD)
        context.call_with(_PUT_METHOD, context.properties)
        integration = dict(context.properties.get("Integration") or {})
        responses = integration.pop("IntegrationResponses", ())
        integration["IntegrationHttpMethod"] = integration.get("IntegrationHttpMethod") or "POST"
        self._put(context, _PUT_INTEGRATION, "Integration", [integration])
        self._put(context, _PUT_RESPONSE, "MethodResponses", context.properties.get("MethodResponses") or ())
        self._put(context, _PUT_INTEGRATION_RESPONSE, "Integration", responses)
        return {}

    def _put(self, context: StepContext, call: Call, name: str, members: Iterable[Any]) -> None:
        for member in members:
            context.call(call, member=member, member_of=name)


def _checked(properties: Properties) -> Properties:
    """Return the properties of a method, or raise UnsupportedError for an integration that is not served."""
    integration = properties.get("Integration") or {"Type": "MOCK"}
    where = f"{properties.get('HttpMethod')} of {properties.get('ResourceId')}"
    if properties.get("AuthorizationType") == "COGNITO_USER_POOLS":
        raise UnsupportedError("AWS::ApiGateway::Method.AuthorizationType 'COGNITO_USER_POOLS'", where)
    kind, uri = integration.get("Type"), str(integration.get("Uri", ""))
    if kind not in ("AWS", "AWS_PROXY", "MOCK"):
        raise UnsupportedError(
            f"AWS::ApiGateway::Method.Integration.Type {kind!r}", where, "use AWS, AWS_PROXY or MOCK"
        )
    found = URI.fullmatch(uri)
    if kind == "AWS" and ":lambda:path/" not in uri and (found is None or found["service"] not in SERVICES):
        supported = ", ".join(("lambda", *SERVICES))
        raise UnsupportedError(f"the integration {uri}", where, f"the local cloud integrates {supported}")
    for template in _templates(integration):
        try:
            check(template)
        except TemplateSyntaxError as error:
            raise UnsupportedError(f"the mapping template {template!r}", where, str(error)) from error
    return properties


def _templates(integration: Mapping[str, Any]) -> Iterable[str]:
    yield from (integration.get("RequestTemplates") or {}).values()
    for response in integration.get("IntegrationResponses") or ():
        yield from (response.get("ResponseTemplates") or {}).values()


METHOD = ResourceType(
    "AWS::ApiGateway::Method",
    _SERVICE,
    create=None,
    id="{RestApiId}-{ResourceId}-{HttpMethod}",
    steps=(_Method(),),
    delete=(_DELETE_METHOD,),
    immutable=frozenset({"HttpMethod", "ResourceId", "RestApiId"}),
    other_properties=frozenset({"HttpMethod", "ResourceId", "RestApiId"}),
    defaults={"AuthorizationType": "NONE"},
    reshape=_checked,
)

DEPLOYMENT = ResourceType(
    "AWS::ApiGateway::Deployment",
    _SERVICE,
    create=Call("create_deployment", props("Description", "RestApiId", "StageName")),
    id="{id}",
    attributes={"DeploymentId": "{id}"},
    delete=(_of_api("delete_deployment", deploymentId="{id}"),),
    immutable=frozenset({"Description", "RestApiId", "StageName"}),
)

_STAGE = props(
    "CacheClusterEnabled",
    "CacheClusterSize",
    "DeploymentId",
    "Description",
    "Tags",
    "TracingEnabled",
    "Variables",
)
_STAGE_ID = {**_API, "stageName": "{StageName}"}
_NO_PATCH = "Millrace creates a stage without it; no request depends on it"

STAGE = ResourceType(
    "AWS::ApiGateway::Stage",
    _SERVICE,
    create=None,
    id="{StageName}",
    steps=(
        # moto's UpdateStage knows few patches, so the previous stage must be deleted.
        Setting(
            Call("create_stage", _STAGE, _STAGE_ID), delete_first=Call("delete_stage", by=_STAGE_ID), send_all=True
        ),
    ),
    delete=(Call("delete_stage", by=_STAGE_ID),),
    immutable=frozenset({"RestApiId", "StageName"}),
    other_properties=frozenset({"RestApiId", "StageName"}),
    not_in_moto={"AccessLogSetting": _NO_PATCH, "MethodSettings": _NO_PATCH},
)

ACCOUNT = ResourceType(
    "AWS::ApiGateway::Account",
    _SERVICE,
    create=None,
    id="{logical_id}",
    attributes={"Id": "{logical_id}"},
    not_in_moto={"CloudWatchRoleArn": "the local cloud writes no execution logs of REST APIs"},
)

MODEL = ResourceType(
    "AWS::ApiGateway::Model",
    _SERVICE,
    name=Name("Name", 128),
    create=Call(
        "create_model", props("Description", "Name", "RestApiId", "Schema") | {"ContentType": Argument("contentType")}
    ),
    id="{name}",
    delete=(_of_api("delete_model", modelName="{Name}"),),
    immutable=frozenset({"ContentType", "Description", "Name", "RestApiId", "Schema"}),
    defaults={"ContentType": "application/json", "Description": ""},
)

REQUEST_VALIDATOR = _fixed(
    "RequestValidator",
    "create_request_validator",
    ("Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters"),
    "{id}",
    _of_api("delete_request_validator", requestValidatorId="{id}"),
    attributes={"RequestValidatorId": "{id}"},
)


def _authorizer(properties: Properties) -> Properties:
    if properties.get("Type") not in ("TOKEN", "REQUEST"):
        kind = properties.get("Type")
        raise UnsupportedError(f"AWS::ApiGateway::Authorizer.Type {kind!r}", str(properties.get("Name")), "use TOKEN")
    return properties


AUTHORIZER = _fixed(
    "Authorizer",
    "create_authorizer",
    (
        "AuthType",
        "AuthorizerCredentials",
        "AuthorizerResultTtlInSeconds",
        "AuthorizerUri",
        "IdentitySource",
        "IdentityValidationExpression",
        "Name",
        "RestApiId",
        "Type",
    ),
    "{id}",
    _of_api("delete_authorizer", authorizerId="{id}"),
    attributes={"AuthorizerId": "{id}"},
    reshape=_authorizer,
)

TYPES = (
    REST_API,
    RESOURCE,
    METHOD,
    DEPLOYMENT,
    STAGE,
    ACCOUNT,
    MODEL,
    REQUEST_VALIDATOR,
    AUTHORIZER,
    API_KEY,
    USAGE_PLAN,
    USAGE_PLAN_KEY,
)
