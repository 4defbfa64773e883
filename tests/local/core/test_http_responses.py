"""Responses that HTTP can carry."""

import json

import pytest

from millrace.local.core.http import Response, sendable
from millrace.local.services.apigatewayv2 import payload_v1, payloads

INVALID = {"location": "/a\r\naccess-control-allow-origin: *", "a\r\nb": "c", "a": "b\0", "a b": "c", "b": "€", "": "a"}


@pytest.mark.parametrize(("name", "value"), INVALID.items())
def test_header_that_would_begin_another_one_is_an_error(name, value):
    """https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
    assert sendable(Response(200, b"", ((name, value),))).status == 502


def test_valid_headers_are_sent():
    headers = (("x-amzn-requestid", "1"), ("set-cookie", 'a="b"; Path=/'), ("x", "a\tb"), ("y", "ü"))
    response = Response(200, b"", headers)
    assert sendable(response) is response


@pytest.mark.parametrize("form", [payload_v1, payloads])
def test_function_cannot_set_the_length_of_its_response(form):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html"""
    headers = {"Content-Length": "1", "Transfer-Encoding": "chunked", "x": "y"}
    result = json.dumps({"statusCode": 200, "headers": headers, "body": "abc"})
    assert dict(form.response_of(result.encode()).headers).keys() == {"x", "content-type"}
