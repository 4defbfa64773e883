"""Requests and responses of the API functions, and problem details (RFC 9457)."""

import base64
import json

import pytest
from request_kit import content, request

from millrace.events import ContractError
from millrace.runtime.api.http import Problem, Request, respond, response


def test_a_request_has_what_api_gateway_passes():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    payload = request("POST /x/{id}", "text", path={"id": "7"}, query={"a": "b"}, x_name="value")
    read = Request.of(payload)
    assert (read.method, read.route, read.body) == ("POST", "POST /x/{id}", b"text")
    assert (read.path, read.query, read.headers["x-name"]) == ({"id": "7"}, {"a": "b"}, "value")
    assert (read.caller, read.scopes) == ("", frozenset())


def test_what_a_request_leaves_out_is_empty():
    bare = {"routeKey": "GET /", "requestContext": {"http": {"method": "GET"}}}
    read = Request.of(bare)
    assert (read.headers, read.query, read.path, read.body, read.content_type) == ({}, {}, {}, b"", "")


def test_a_base64_body_is_decoded():
    encoded = request("POST /", base64.b64encode(b"\xff\x00").decode()) | {"isBase64Encoded": True}
    assert Request.of(encoded).body == b"\xff\x00"


@pytest.mark.parametrize(
    ("authorizer", "caller", "scopes"),
    [
        ({"iam": {"userArn": "arn:aws:iam::1:user/ada"}}, "arn:aws:iam::1:user/ada", set()),
        ({"jwt": {"claims": {"sub": "ada", "client_id": "app", "scope": "a b"}}}, "ada", {"a", "b"}),
        ({"jwt": {"claims": {"client_id": "app", "scp": "[a b]"}}}, "app", {"a", "b"}),
        ({"jwt": {"claims": {}}}, "", set()),
        ({"jwt": None}, "", set()),
        ({"lambda": {}}, "", set()),
    ],
)
def test_the_authorizer_identifies_the_caller(authorizer, caller, scopes):
    read = Request.of(request("GET /", authorizer=authorizer))
    assert (read.caller, read.scopes) == (caller, scopes)


@pytest.mark.parametrize("header", ["text/HTML; charset=utf-8", " text/html ", "text/html;a;b"])
def test_the_content_type_has_no_parameters(header):
    assert Request.of(request("GET /", content_type=header)).content_type == "text/html"


@pytest.mark.parametrize(
    ("body", "value"), [("2.0", 2), ("2.5", 2.5), ("-1e2", -100), ('{"a": [1]}', {"a": [1]}), ("null", None)]
)
def test_a_whole_number_is_an_integer(body, value):
    """https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.3"""
    read = Request.of(request("POST /", body)).json()
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("body", "shown", "reason"),
    [
        ("{no json", "{no json", "Expecting property name"),
        ("NaN", "NaN", "NaN is not finite"),
        ("[1e999]", "[1e999]", "1e999 is not finite"),
        ("[" * 100_000, "[" * 200, "recursion"),
        ('["\\uD800"]', '["\\uD800"]', "surrogates not allowed"),
    ],
)
def test_a_body_that_is_not_json_is_a_problem(body, shown, reason):
    with pytest.raises(Problem, match=reason) as caught:
        Request.of(request("POST /", body)).json()
    assert (caught.value.status, caught.value.problems[0][:2]) == (400, ("body", shown))
    assert reason in caught.value.problems[0][2]
    assert caught.value.detail.startswith("The body is not JSON: ")


def test_a_body_that_is_not_utf_8_is_a_problem():
    encoded = request("POST /", base64.b64encode(b'"\xff').decode()) | {"isBase64Encoded": True}
    with pytest.raises(Problem) as caught:
        Request.of(encoded).json()
    assert caught.value.problems[0][1] == '"\ufffd'


def test_a_response_is_json():
    assert response(202, {"at": 1}, {"location": "/x"}) == {
        "statusCode": 202,
        "headers": {"content-type": "application/json", "location": "/x"},
        "body": '{"at": 1}',
    }
    assert response(200, '{"is": "text"}')["body"] == '{"is": "text"}'
    assert json.loads(response(200, {"at": Request})["body"]) == {"at": str(Request)}


def test_a_problem_is_a_response():
    """https://www.rfc-editor.org/rfc/rfc9457#section-3"""

    def refuse(_request):
        raise Problem(503, "Try again.", [("a", "x" * 201, "too long"), ("b", {"c": Request}, "odd")], retry_after=0)

    response = respond(request("GET /"), refuse)
    assert response["headers"] == {"content-type": "application/problem+json", "retry-after": "0"}
    assert content(response) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Try again.",
        "problems": [
            {"field": "a", "value": f"{'x' * 200}…", "reason": "too long"},
            {"field": "b", "value": json.dumps({"c": str(Request)}), "reason": "odd"},
        ],
    }


def test_a_problem_without_fields_names_none():
    response = Problem(404, "Nothing.").response()
    assert (response["statusCode"], response["headers"]) == (404, {"content-type": "application/problem+json"})
    assert content(response).keys() == {"type", "title", "status", "detail"}


def test_a_value_of_200_characters_is_shown_whole():
    assert content(Problem(400, "x", [("a", "y" * 200, "z")]).response())["problems"][0]["value"] == "y" * 200


def test_a_broken_contract_is_a_problem():
    broken = ContractError("Poured", [("cup", 1, "should be text")])
    problem = Problem.of(broken)
    assert (problem.status, problem.detail, problem.problems) == (422, str(broken), broken.problems)
    assert (Problem.of(broken, 400).status, problem.args, problem.retry_after) == (400, (str(broken),), None)
