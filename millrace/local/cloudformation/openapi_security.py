"""The security of operations in OpenAPI bodies, as authorizers and the properties of routes and methods.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
"""

from collections.abc import Callable, Mapping
from typing import Any

_AUTHORIZER, _AUTH_TYPE = "x-amazon-apigateway-authorizer", "x-amazon-apigateway-authtype"
_OPEN = "NONE"
"""The scheme by which AWS SAM leaves an operation open."""
Resources = dict[str, dict[str, Any]]
Scheme = Mapping[str, Any]


class Security:
    """The security schemes of an API. Creates the resource of each authorizer that an operation uses."""

    def __init__(self, resources: Resources, api: str, body: Mapping[str, Any]) -> None:
        self._resources = resources
        self._api = api
        self._default = body.get("security") or []
        self._schemes = (body.get("components") or {}).get("securitySchemes") or body.get("securityDefinitions") or {}

    def of_route(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties of the route of an HTTP API. Raises ValueError for an unsupported scheme."""
        found: dict[str, Any] = {}
        for name, scopes in self._named(operation):
            given = self._schemes.get(name, {}).get(_AUTHORIZER) or {}
            if given.get("type") == "jwt":
                found = {"AuthorizationType": "JWT", "AuthorizerId": self._created(name, self._http)}
                found |= {"AuthorizationScopes": scopes} if scopes else {}
            elif given.get("type") == "request":
                found = {"AuthorizationType": "CUSTOM", "AuthorizerId": self._created(name, self._http)}
            else:
                found = {"AuthorizationType": self._signed(name)}
        return found

    def of_method(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties of a method of a REST API. Raises ValueError for an unsupported scheme."""
        found: dict[str, Any] = {"AuthorizationType": "NONE"}
        for name, _ in self._named(operation):
            scheme = self._schemes.get(name, {})
            given = scheme.get(_AUTHORIZER) or {}
            if given.get("type") in ("request", "token"):
                found |= {"AuthorizationType": "CUSTOM", "AuthorizerId": self._created(name, self._rest)}
            elif scheme.get("name") == "x-api-key" and _AUTH_TYPE not in scheme:
                found["ApiKeyRequired"] = True
            else:
                found["AuthorizationType"] = self._signed(name)
        return found

    def _named(self, operation: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
        """Return the schemes of an operation with their scopes."""
        required = operation.get("security", self._default) or []
        return [(name, scopes) for each in required for name, scopes in each.items() if name != _OPEN]

    def _signed(self, name: str) -> str:
        scheme = self._schemes.get(name, {})
        if str(scheme.get(_AUTH_TYPE)).lower() != "awssigv4" and name != "AWS_IAM":
            raise ValueError(f"{self._api}: the local cloud does not support the security scheme {name}.")
        return "AWS_IAM"

    def _created(self, name: str, properties: Callable[[str, Scheme], dict[str, Any]]) -> dict[str, str]:
        """Return a reference to the authorizer of a scheme."""
        logical_id = f"{self._api}Authorizer{''.join(filter(str.isalnum, name))}"
        if logical_id not in self._resources:
            self._resources[logical_id] = properties(name, self._schemes[name])
        return {"Ref": logical_id}

    def _http(self, name: str, scheme: Scheme) -> dict[str, Any]:
        given = _in_pascal_case(scheme[_AUTHORIZER])
        kind, sources = str(given.pop("Type")).upper(), given.get("IdentitySource") or []
        if "JwtConfiguration" in given:
            given["JwtConfiguration"] = _in_pascal_case(given["JwtConfiguration"])
        if "AuthorizerCredentials" in given:
            given["AuthorizerCredentialsArn"] = given.pop("AuthorizerCredentials")
        given["IdentitySource"] = (
            sources if isinstance(sources, list) else [each.strip() for each in sources.split(",")]
        )
        properties = {"ApiId": {"Ref": self._api}, "Name": name, "AuthorizerType": kind, **given}
        return {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": properties}

    def _rest(self, name: str, scheme: Scheme) -> dict[str, Any]:
        given = _in_pascal_case(scheme[_AUTHORIZER])
        given["Type"] = str(given["Type"]).upper()
        given.setdefault("IdentitySource", f"method.request.header.{scheme.get('name', 'Authorization')}")
        properties = {"RestApiId": {"Ref": self._api}, "Name": name, **given}
        return {"Type": "AWS::ApiGateway::Authorizer", "Properties": properties}


def _in_pascal_case(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: value for name, value in given.items()}
