"""Payload format 1.0: the events and results of functions behind REST APIs, which HTTP APIs support as well.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from millrace.local.core.http import Request, Response
from millrace.local.services.apigatewayv2.payloads import (
    HOP_BY_HOP,
    Context,
    MalformedResultError,
    decode_body,
    encode_body,
)

Many = dict[str, list[str]]


def event_of(request: Request, context: Context) -> dict[str, Any]:
    """Return the event for the function behind an HTTP API."""
    body, encoded = encode_body(request)
    headers = {name: value for name, value in request.headers.items() if name != "connection"}
    query = values_of(request.query)
    resource = context.route_key.partition(" ")[2] or context.route_key
    return {
        "version": "1.0",
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": _request_context(request, context, resource),
        "pathParameters": dict(context.parameters) or None,
        "stageVariables": dict(context.variables) or None,
        "body": body,
        "isBase64Encoded": encoded,
    }


def values_of(query: str) -> Many:
    """Return the values of each parameter in a query string."""
    found: Many = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _request_context(request: Request, context: Context, resource: str) -> dict[str, Any]:
    given = context.authorizer or {}
    authorizer = {"claims": given["jwt"]["claims"]} if "jwt" in given else given.get("lambda")
    return {
        "accountId": context.account,
        "apiId": context.api,
        "authorizer": authorizer or {},
        "domainName": context.domain,
        "domainPrefix": context.api,
        "extendedRequestId": context.request_id,
        "httpMethod": request.method,
        "identity": {
            "sourceIp": "127.0.0.1",
            "userAgent": request.headers.get("user-agent", ""),
            **_signer(given.get("iam")),
        },
        "path": context.path,
        "protocol": "HTTP/1.1",
        "requestId": context.request_id,
        "requestTime": context.time,
        "requestTimeEpoch": int(context.received * 1000),
        "resourceId": context.route_key,
        "resourcePath": resource,
        "stage": context.stage,
    }


def _signer(iam: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the signer of a request as payload format 1.0 names it."""
    if iam is None:
        return {}
    given = {name: iam[name] for name in ("accessKey", "accountId", "principalOrgId", "userArn")}
    return {**given, "caller": iam["callerId"], "user": iam["userId"]}


def response_of(payload: bytes) -> Response:
    """Return the response for the result of a proxy function. Raises MalformedResultError.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
    """
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        raise MalformedResultError("the result must be an object with a statusCode")
    try:
        status, single = int(result["statusCode"]), dict(result.get("headers") or {})
        many = {name: list(values) for name, values in dict(result.get("multiValueHeaders") or {}).items()}
    except (TypeError, ValueError) as error:
        raise MalformedResultError(f"statusCode {result['statusCode']!r} or its headers are invalid") from error
    given = [(name.lower(), str(value)) for name, value in single.items() if name not in many]
    given += [(name.lower(), str(value)) for name, values in many.items() for value in values]
    given = [pair for pair in given if pair[0] not in HOP_BY_HOP]
    if not any(name == "content-type" for name, _ in given):
        given.append(("content-type", "application/json"))
    return Response(status, decode_body(result), tuple(given))
