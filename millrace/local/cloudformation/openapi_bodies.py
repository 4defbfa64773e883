"""The OpenAPI bodies in which AWS SAM writes APIs, as resources of their own: methods, routes and integrations.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local.cloudformation.openapi_security import Security

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_CALLER = "arn:aws:iam::*:user/*"
"""The credentials of an integration that invokes its function with those of the caller."""
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", _ANY)
Resources = dict[str, dict[str, Any]]


def expand_bodies(resources: Resources) -> None:
    """Replace the body of each API with resources. Raises ValueError for what the local cloud does not support."""
    for logical_id, resource in list(resources.items()):
        properties = resource.get("Properties") or {}
        if not isinstance(properties.get("Body"), dict) or "paths" not in properties["Body"]:
            continue
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            _expand_rest_api(resources, logical_id, properties)
        elif resource["Type"] == "AWS::ApiGatewayV2::Api":
            _expand_http_api(resources, logical_id, properties)


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield path, method, the operation itself and its integration."""
    for path, item in body["paths"].items():
        for name in _METHODS:
            operation = item.get(name)
            if operation is None:
                continue
            integration = dict(operation.get(_INTEGRATION) or {"type": "mock"})
            yield path, "ANY" if name == _ANY else name.upper(), operation, integration


def _titled(logical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = properties.pop("Body")
    properties.setdefault("Name", (body.get("info") or {}).get("title", logical_id))
    return body


def _expand_rest_api(resources: Resources, api: str, properties: dict[str, Any]) -> None:
    body, paths = _titled(api, properties), {"": {"Fn::GetAtt": [api, "RootResourceId"]}}
    methods: list[str] = []
    security = Security(resources, api, body)
    for path, method, operation, integration in _operations(body):
        resource = _rest_resource(resources, api, paths, path)
        name = f"{api}Method{len(methods)}"
        methods.append(name)
        resources[name] = {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": {"Ref": api},
                "ResourceId": resource,
                "HttpMethod": method,
                **security.of_method(operation),
                "Integration": dict(_rest_integration(integration)),
            },
        }
    for each in resources.values():
        if each["Type"] == "AWS::ApiGateway::Deployment" and each["Properties"]["RestApiId"] == {"Ref": api}:
            each["DependsOn"] = methods


def _rest_resource(resources: Resources, api: str, paths: dict[str, Any], path: str) -> Any:
    """Return the reference to the resource of a path, with its parents."""
    path = path.rstrip("/")
    if path not in paths:
        parent, _, part = path.rpartition("/")
        above = _rest_resource(resources, api, paths, parent)
        name = f"{api}Path{len(paths)}"
        resources[name] = {
            "Type": "AWS::ApiGateway::Resource",
            "Properties": {"RestApiId": {"Ref": api}, "ParentId": above, "PathPart": part},
        }
        paths[path] = {"Ref": name}
    return paths[path]


def _rest_integration(integration: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    responses = integration.pop("responses", {})
    yield "Type", str(integration.pop("type")).upper()
    if integration.get("credentials") == _CALLER:
        integration.pop("credentials")  # the permission that AWS SAM adds to the function is enough
    if "httpMethod" in integration:
        yield "IntegrationHttpMethod", integration.pop("httpMethod")
    yield from ((name[0].upper() + name[1:], value) for name, value in integration.items())
    if responses:
        yield "IntegrationResponses", [dict(_rest_response(*each)) for each in responses.items()]


def _rest_response(pattern: str, response: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if pattern != "default":
        yield "SelectionPattern", pattern
    for name, value in response.items():
        yield name[0].upper() + name[1:], str(value) if name == "statusCode" else value


def _expand_http_api(resources: Resources, api: str, properties: dict[str, Any]) -> None:
    body = _titled(api, properties)
    properties["ProtocolType"] = "HTTP"
    if cors := body.get("x-amazon-apigateway-cors"):
        properties["CorsConfiguration"] = {name[0].upper() + name[1:]: value for name, value in cors.items()}
    security = Security(resources, api, body)
    for number, (path, method, operation, integration) in enumerate(_operations(body)):
        target = f"{api}Integration{number}"
        properties = {"ApiId": {"Ref": api}, **dict(_http_integration(integration))}
        resources[target] = {"Type": "AWS::ApiGatewayV2::Integration", "Properties": properties}
        route = {
            "ApiId": {"Ref": api},
            "RouteKey": "$default" if path == "/$default" else f"{method} {path}",
            "Target": {"Fn::Sub": f"integrations/${{{target}}}"},
            **security.of_route(operation),
        }
        resources[f"{api}Route{number}"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}


_HTTP_NAMES = {"credentials": "CredentialsArn", "httpMethod": "IntegrationMethod", "uri": "IntegrationUri"}


def _http_integration(integration: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the properties of an integration.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html
    """
    yield "IntegrationType", str(integration.pop("type")).upper()
    default = "1.0" if "integrationSubtype" in integration or "uri" not in integration else "2.0"
    yield "PayloadFormatVersion", str(integration.pop("payloadFormatVersion", default))
    for status, given in (responses := integration.pop("responseParameters", {})).items():
        pairs = [{"Destination": name, "Source": str(source)} for name, source in given.items()]
        responses[status] = {"ResponseParameters": pairs}
    if responses:
        yield "ResponseParameters", responses
    yield from ((_HTTP_NAMES.get(name, name[0].upper() + name[1:]), value) for name, value in integration.items())
