"""The OpenAPI bodies in which AWS SAM writes APIs, as resources of their own: methods, routes and integrations.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
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


def _operations(logical_id: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and integration of each operation."""
    for path, item in body["paths"].items():
        for name in _METHODS:
            operation = item.get(name)
            if operation is None:
                continue
            if operation.get("security") or body.get("security"):
                raise ValueError(f"{logical_id}: the local cloud does not support the authorizers of {name} {path}.")
            yield path, "ANY" if name == _ANY else name.upper(), dict(operation.get(_INTEGRATION) or {"type": "mock"})


def _titled(logical_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = properties.pop("Body")
    properties.setdefault("Name", (body.get("info") or {}).get("title", logical_id))
    return body


def _expand_rest_api(resources: Resources, api: str, properties: dict[str, Any]) -> None:
    body, paths = _titled(api, properties), {"": {"Fn::GetAtt": [api, "RootResourceId"]}}
    methods: list[str] = []
    for path, method, integration in _operations(api, body):
        resource = _rest_resource(resources, api, paths, path)
        name = f"{api}Method{len(methods)}"
        methods.append(name)
        resources[name] = {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": {"Ref": api},
                "ResourceId": resource,
                "HttpMethod": method,
                "AuthorizationType": "NONE",
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
    for number, (path, method, integration) in enumerate(_operations(api, body)):
        target = f"{api}Integration{number}"
        resources[target] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": str(integration["type"]).upper(),
                "IntegrationUri": integration.get("uri"),
                "PayloadFormatVersion": integration.get("payloadFormatVersion", "2.0"),
            },
        }
        key = "$default" if path == "/$default" else f"{method} {path}"
        route = {"ApiId": {"Ref": api}, "RouteKey": key, "Target": {"Fn::Sub": f"integrations/${{{target}}}"}}
        resources[f"{api}Route{number}"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}
