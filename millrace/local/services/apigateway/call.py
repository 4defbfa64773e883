"""One request to a REST API, as an event for a function and as the values of mapping templates.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2 import values_of

_RESULT = {"body", "headers", "isBase64Encoded", "multiValueHeaders", "statusCode"}
_UNSIGNED = dict.fromkeys(
    (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
)
"""The identity of a request without a signer."""


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
            **({"deploymentId": self.stage.deployment_id} if self.stage.deployment_id else {}),
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

    def _headers(self) -> dict[str, str]:
        """Return the headers of a proxy event: named as they were sent, and those that API Gateway adds."""
        given, names = self.request.headers, self.request.header_names
        added = {
            "X-Amzn-Trace-Id": f"Root=1-{int(self.received):08x}-{self.request_id.replace('-', '')[:24]}",
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Port": given.get("host", "").partition(":")[2] or "80",
            "X-Forwarded-Proto": "http",
        }
        sent = {names.get(name, name): value for name, value in given.items() if name != "connection"}
        return {name: value for name, value in added.items() if name.lower() not in given} | sent

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
        headers, query, context = self._headers(), self.query, self.context()
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
            "requestContext": {**context, "identity": {**_UNSIGNED, **context["identity"]}},
            "body": body,
            "isBase64Encoded": encoded,
        }


def check_result(payload: bytes) -> None:
    """Raise ValueError for the result of a proxy function that has members which API Gateway does not know.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
    """
    result = json.loads(payload)
    unknown = set(result) - _RESULT if isinstance(result, dict) else set()
    if unknown:
        raise ValueError(f"the result has the unknown members {', '.join(sorted(unknown))}")
