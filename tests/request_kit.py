"""Requests as API Gateway passes them to a function, in payload format 2.0."""

import json
from types import SimpleNamespace

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


def request(route, body=None, *, path=None, query=None, authorizer=None, **headers):
    """The payload of a request; `body` is text, or an object that becomes JSON."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return {
        "routeKey": route,
        "headers": {"content-type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()},
        "queryStringParameters": query,
        "pathParameters": path,
        "requestContext": {"http": {"method": route.partition(" ")[0]}, "authorizer": authorizer},
        "body": text,
    }


def bearer(scope, subject="partner"):
    """What a JWT authorizer adds to a request."""
    return {"jwt": {"claims": {"sub": subject, "scope": scope}}}


def content(response):
    return json.loads(response["body"])


def problems(response):
    """The status of a problem, and its fields with their values."""
    assert response["headers"]["content-type"] == "application/problem+json"
    return response["statusCode"], [(each["field"], each["value"]) for each in content(response).get("problems", [])]
