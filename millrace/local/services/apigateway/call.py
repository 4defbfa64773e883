"""One request to a REST API, as an event for a function and as the values of mapping templates.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2 import values_of


@dataclass(frozen=True)
class Call:
    """A request with moto's API, stage, resource and method. Its path does not include the stage."""

    api: Any
    stage: Any
    resource_path: str
    resource_id: str
    method: Any
    request: Request
    parameters: Mapping[str, str]
    request_id: str
    received: float
    account: str
    region: str
    authorizer: dict[str, Any] = field(default_factory=dict)
    usage_key: str = ""
    """The API key that an authorizer returned."""

    @property
    def arn(self) -> str:
        """Return the ARN of the method in the stage."""
        method = f"{self.api.id}/{self.stage.name}/{self.request.method}{self.request.path}"
        return f"arn:aws:execute-api:{self.region}:{self.account}:{method}"

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the values of each parameter in the query string."""
        return values_of(self.request.query)

    def value(self, source: str) -> str:
        """Return the value of `method.request.header.x` or the like; empty if the request does not have it."""
        where, _, name = source.removeprefix("method.request.").partition(".")
        if where == "context":
            found: Any = self.context()
            for step in name.split("."):
                found = found.get(step, "") if isinstance(found, dict) else ""
            return str(found)
        groups: dict[str, Mapping[str, str]] = {
            "header": self.request.headers,
            "path": self.parameters,
            "querystring": {key: values[-1] for key, values in self.query.items()},
            "stageVariables": self.stage.variables or {},
        }
        return groups.get(where, {}).get(name.lower() if where == "header" else name, "")

    def context(self) -> dict[str, Any]:
        """Return the request context, which is also `$context` in a mapping template."""
        moment = datetime.fromtimestamp(self.received, UTC)
        return {
            "accountId": self.account,
            "apiId": self.api.id,
            **({"authorizer": self.authorizer} if self.authorizer else {}),
            "domainName": f"{self.api.id}.execute-api.localhost",
            "domainPrefix": self.api.id,
            "extendedRequestId": self.request_id,
            "httpMethod": self.request.method,
            "identity": {"sourceIp": "127.0.0.1", "userAgent": self.request.headers.get("user-agent", "")},
            "path": f"/{self.stage.name}{self.request.path}",
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestTime": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(self.received * 1000),
            "resourceId": self.resource_id,
            "resourcePath": self.resource_path,
            "stage": self.stage.name,
        }

    def _body(self) -> tuple[str | None, bool]:
        """Return the body of a proxy event, and whether it is Base64: for the binary media types of the API.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
        """
        if not self.request.body:
            return None, False
        kind = self.request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        binary = {str(each).lower() for each in self.api.binaryMediaTypes or ()}
        if binary & {kind, f"{kind.partition('/')[0]}/*", "*/*"}:
            return base64.b64encode(self.request.body).decode(), True
        return self.request.body.decode("utf-8", "replace"), False

    def event(self) -> dict[str, Any]:
        """Return the event of a proxy integration, format 1.0."""
        body, encoded = self._body()
        headers = {name: value for name, value in self.request.headers.items() if name != "connection"}
        query = self.query
        return {
            "resource": self.resource_path,
            "path": self.request.path,
            "httpMethod": self.request.method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": dict(self.parameters) or None,
            "stageVariables": dict(self.stage.variables or {}) or None,
            "requestContext": self.context(),
            "body": body,
            "isBase64Encoded": encoded,
        }
