"""REST APIs: resources, methods, deployments, stages, validators and authorizers.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Read, Setting
from millrace.local.cloudformation.registry.types import Properties, ResourceType
from millrace.local.services.apigateway.method_resources import METHOD
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
    not_in_moto={
        "FailOnWarnings": "the definition becomes resources of their own",
        "MinimumCompressionSize": "the local cloud compresses no responses",
        "Mode": "the definition becomes resources of their own",
        "Parameters": "the definition becomes resources of their own",
        "SecurityPolicy": "the local cloud does not use TLS",
    },
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
    if properties.get("Type") not in ("COGNITO_USER_POOLS", "TOKEN", "REQUEST"):
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
        "ProviderARNs",
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
