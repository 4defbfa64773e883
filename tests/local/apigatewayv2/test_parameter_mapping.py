"""Parameter mapping of HTTP APIs."""

from types import SimpleNamespace

import pytest

from millrace.local.core.http import Request, Response
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.parameter_mapping import (
    invalid_mapping,
    mapped_request,
    mapped_response,
    resolve,
)
from millrace.local.services.apigatewayv2.payloads import Context

BODY = b'{"order": {"id": 7, "tags": ["a", "b"]}, "note": "say \\"hi\\""}'


@pytest.fixture
def call():
    """A request to the stage `beta`, with a header, two parameters and a body."""
    request = Request("POST", "/beta/orders/o-1", "a=1&a=2&b=3", {"x-kind": "new"}, BODY)
    authorizer = {"lambda": {"user": "ada", "roles": ["admin"]}}
    context = Context(
        "123456789012",
        "api1",
        "api1.execute-api.localhost",
        "beta",
        "POST /orders/{id}",
        request.path,
        "r-1",
        0.0,
        {"id": "o-1"},
        {"table": "orders"},
        authorizer,
    )
    return Call(None, SimpleNamespace(name="beta"), request, None, context, "us-east-1", "/orders/o-1")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$request.header.X-Kind", "new"),
        ("$request.querystring.a", "1,2"),
        ("$request.path", "/orders/o-1"),
        ("$request.path.id", "o-1"),
        ("$request.body", BODY.decode()),
        ("$request.body.order.id", "7"),
        ("$request.body.order.tags[1]", "b"),
        ("$request.body.order", '{"id":7,"tags":["a","b"]}'),
        ("$request.body.missing", None),
        ("$request.body..id", None),
        ("$request.header.missing", None),
        ("$context.requestId", "r-1"),
        ("$context.authorizer.user", "ada"),
        ("$context.authorizer.roles", '["admin"]'),
        ("$stageVariables.table", "orders"),
        ("a constant", "a constant"),
        ("${request.path.id} in ${stageVariables.table}", "o-1 in orders"),
        ("${request.path.id} in ${stageVariables.missing}", None),
        ('{"note": "${request.body.note}"}', '{"note": "say \\"hi\\""}'),
    ],
)
def test_source_of_a_mapping_is_resolved(call, source, value):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""
    assert resolve(source, call) == value


def test_request_parameters_append_overwrite_and_remove(call):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""
    mappings = {
        "append:header.X-Kind": "more",
        "overwrite:header.user": "$context.authorizer.user",
        "append:querystring.b": "4",
        "remove:querystring.a": "''",
        "overwrite:path": "/fixed",
    }
    request = mapped_request(call, mappings)
    assert request.headers == {"x-kind": "new,more", "user": "ada"}
    assert (request.query, request.path) == ("b=3&b=4", "/fixed")


def test_mapping_without_a_value_changes_nothing(call):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""
    assert mapped_request(call, {"overwrite:header.x-kind": "$request.header.missing"}) == call.request


def test_response_parameters_change_headers_and_status(call):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""
    response = Response(500, b'{"why": "broken"}', (("x-one", "1"), ("x-two", "2")))
    mappings = {
        "overwrite:statuscode": "403",
        "append:header.error": "$response.body.why",
        "append:header.x-one": "$response.header.x-two",
        "remove:header.x-two": "''",
    }
    mapped = mapped_response(call, mappings, response)
    assert (mapped.status, mapped.body) == (403, response.body)
    assert sorted(mapped.headers) == [("error", "broken"), ("x-one", "1,2")]


@pytest.mark.parametrize("name", ["Authorization", "x-amz-date", "access-control-allow-origin", "Via"])
def test_reserved_header_cannot_be_mapped(name):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html#http-api-mapping-reserved-headers"""
    assert (
        invalid_mapping({"RequestParameters": {f"append:header.{name}": "1"}})
        == f"Operations on header {name} are restricted"
    )
    assert invalid_mapping({"ResponseParameters": {"200": {f"remove:header.{name}": "''"}}})


@pytest.mark.parametrize(
    "given",
    [
        {"RequestParameters": {"overwrite:statuscode": "200"}},
        {"RequestParameters": {"append:path": "/a"}},
        {"RequestParameters": {"header.a": "1"}},
        {"ResponseParameters": {"200": {"overwrite:path": "/a"}}},
        {"ResponseParameters": {"200": {"append:querystring.a": "1"}}},
    ],
)
def test_key_of_a_mapping_has_an_action_and_a_parameter(given):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html"""
    assert invalid_mapping(given).startswith("Invalid mapping expression specified")
