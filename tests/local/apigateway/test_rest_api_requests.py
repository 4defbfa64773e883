"""Events of functions behind REST APIs."""

import base64

import pytest

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
