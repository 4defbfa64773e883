"""Events of functions behind REST APIs."""

import base64
import json

import pytest

from millrace.local.services.apigateway.call import check_result

pytest_plugins = ["rest_fixtures"]


@pytest.fixture(scope="module")
def api(make):
    return make({"files": {}}, binaryMediaTypes=["image/*", "application/zip"])


def event(api, kind, content):
    """Send a body, and return whether it arrives as Base64, and its content."""
    found = api.event("GET", "/prod/files", content, content_type=kind)
    body = base64.b64decode(found["body"]) if found["isBase64Encoded"] else found["body"].encode()
    return found["isBase64Encoded"], body


@pytest.mark.parametrize(
    ("kind", "encoded"),
    [
        ("image/png", True),
        ("application/zip", True),
        ("application/zip; v=1", True),
        ("application/octet-stream", False),
        ("application/json", False),
    ],
)
def test_body_of_a_binary_media_type_is_base64(api, kind, encoded):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html"""
    assert event(api, kind, b"{}") == (encoded, b"{}")


def test_event_has_the_identity_and_the_headers_of_its_request(api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format"""
    found = api.event("GET", "/prod/files", X_Custom="a")
    context, headers = found["requestContext"], found["headers"]
    assert (context["identity"]["caller"], context["identity"]["sourceIp"]) == (None, "127.0.0.1")
    assert context["deploymentId"]
    assert {"X-Custom", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"} <= headers.keys()


def test_greedy_path_variable_needs_a_segment(make):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-set-up-simple-proxy.html"""
    greedy = make({"{proxy+}": {}})
    assert greedy.event("GET", "/prod/a/b")["pathParameters"] == {"proxy": "a/b"}
    response = greedy.send("GET", "/prod/")
    assert (response.status, json.loads(response.body)) == (403, {"message": "Missing Authentication Token"})
    assert dict(response.headers)["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_result_with_unknown_members_is_malformed():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html"""
    check_result(b'{"statusCode": 200, "body": "a", "headers": {}, "multiValueHeaders": {}, "isBase64Encoded": false}')
    with pytest.raises(ValueError, match="the unknown members cookies, other"):
        check_result(b'{"statusCode": 200, "other": 1, "cookies": []}')
