"""Models of REST APIs, with which request bodies are validated."""

import json
import time
from types import SimpleNamespace

import pytest

from millrace.local.core.http import Request
from millrace.local.services.apigateway import integrations
from millrace.local.services.apigateway.checks import validate
from millrace.local.services.apigatewayv2 import HttpError

MODELS = "https://apigateway.amazonaws.com/restapis/api/models/"


def status(schema, body, **models):
    """The status of a request whose body is validated; 200 if it is valid."""
    named = {
        name: SimpleNamespace(name=name, schema=json.dumps(each)) for name, each in {"M": schema, **models}.items()
    }
    validator = SimpleNamespace(validate_request_parameters=False, validate_request_body=True)
    call = SimpleNamespace(
        api=SimpleNamespace(id="api", models=named, request_validators={"v": validator}),
        method=SimpleNamespace(request_validator_id="v", request_models={"application/json": "M"}),
        request=Request("POST", "/", "", {}, body.encode()),
    )
    try:
        validate(call)
    except HttpError as error:
        return error.status
    return 200


def test_model_refers_to_another_model_of_its_api():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html"""
    schema, age = {"type": "object", "properties": {"age": {"$ref": f"{MODELS}Age"}}}, {"type": "integer"}
    assert [status(schema, body, Age=age) for body in ('{"age": 1}', '{"age": "x"}')] == [200, 400]


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_model_reads_no_file_and_no_web_page(tmp_path, scheme):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html"""
    (tmp_path / "schema.json").write_text("{}")
    address = f"file://{tmp_path}/schema.json" if scheme == "file" else "http://127.0.0.1:1/schema.json"
    assert status({"$ref": address}, "{}") == 500


@pytest.mark.parametrize("body", [json.dumps("a" * 5_000 + "!"), "[" * 50_000, "1" * 5_000])
def test_hostile_body_is_invalid_at_once(body):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html"""
    assert status({"type": "string", "pattern": "^(a+)+$"}, body) == 400


SLOW = "^(a|aa)+$"
LONG = "a" * 5_000 + "!"


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        ({"patternProperties": {SLOW: {}}}, {LONG: 1}, 400),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, {LONG: 1}, 400),
        ({"items": {"pattern": f"{SLOW}|!"}}, ["a" * 28 + "!"] * 100, 400),
        ({"uniqueItems": True}, [{"n": n} for n in range(5_000)], 200),
    ],
)
def test_validation_takes_limited_time(schema, body, expected):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html"""
    text, began = json.dumps(body), time.process_time()
    assert status(schema, text) == expected
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    ("schema", "body", "expected"),
    [
        ({"patternProperties": {"^n": {"type": "number"}}, "additionalProperties": False}, {"n1": 1}, 200),
        ({"patternProperties": {"^n": {"type": "number"}}, "additionalProperties": False}, {"n1": "x"}, 400),
        (
            {"properties": {"a": {}}, "patternProperties": {"^n": {}}, "additionalProperties": False},
            {"a": 1, "b": 1},
            400,
        ),
        ({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}], 200),
        ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], 400),
    ],
)
def test_keywords_with_a_time_limit_mean_what_json_schema_says(schema, body, expected):
    """https://json-schema.org/draft-04/json-schema-validation"""
    assert status(schema, json.dumps(body)) == expected


def test_selection_pattern_takes_limited_time():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html"""
    chosen = SimpleNamespace(
        selection_pattern="(a|aa)+", status_code="409", response_templates={}, response_parameters={}
    )
    integration = SimpleNamespace(integration_responses={"409": chosen})
    assert integrations._response(None, integration, integrations._Result("", "aaa", {})).status == 409
    with pytest.raises(HttpError, match="takes more than"):
        integrations._response(None, integration, integrations._Result("", LONG, {}))
