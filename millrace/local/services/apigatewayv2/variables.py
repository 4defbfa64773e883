"""Context variables of a request: for access logs, parameter mapping and identity sources.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
"""

import json
from collections.abc import Iterator
from typing import Any

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.payloads import Context


def context_variables(context: Context, request: Request) -> dict[str, str]:
    """Return the variables by name, without `$context.`."""
    return {
        "accountId": context.account,
        "apiId": context.api,
        "domainName": context.domain,
        "domainPrefix": context.api,
        "extendedRequestId": context.request_id,
        "httpMethod": request.method,
        "identity.sourceIp": "127.0.0.1",
        "identity.userAgent": request.headers.get("user-agent", "-"),
        "path": context.path,
        "protocol": "HTTP/1.1",
        "requestId": context.request_id,
        "requestTime": context.time,
        "requestTimeEpoch": str(int(context.received * 1000)),
        "routeKey": context.route_key,
        "stage": context.stage,
        **dict(_authorizer(context)),
    }


def _authorizer(context: Context) -> Iterator[tuple[str, str]]:
    """Yield the claims of a token, or the context that a Lambda authorizer returned."""
    given = context.authorizer or {}
    for name, value in (given.get("jwt") or {}).get("claims", {}).items():
        yield f"authorizer.claims.{name}", as_text(value)
    for name, value in (given.get("lambda") or {}).items():
        yield f"authorizer.{name}", as_text(value)
    if "iam" in given:
        yield "identity.user", as_text(given["iam"]["userId"])
        yield "identity.userArn", as_text(given["iam"]["userArn"])


def as_text(value: Any) -> str:
    """Return a string as it is, and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
