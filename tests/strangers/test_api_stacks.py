"""REST APIs."""

import http.client
import json
from urllib.parse import urlsplit


def call(strangers, stack, method="POST", path="/", body=None, **headers):
    """Call a REST API; return the status and the parsed body."""
    connection = http.client.HTTPConnection(urlsplit(strangers.cloud.endpoint_url).netloc)
    url = f"/_aws/execute-api/{strangers.output(stack, 'Api')}/prod{path}"
    headers = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    connection.request(method, url, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    strangers.settle()
    return answer.status, json.loads(text) if text else None


def test_rest_api_to_function(strangers):
    assert call(strangers, "RestApiToFunction", "GET", "/a/b") == (201, {"path": "/a/b", "by": None})
    assert call(strangers, "RestApiToFunction", "OPTIONS", "/a")[0] == 204


def test_rest_api_with_authorizer(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"""
    statuses = [
        call(strangers, "RestApiWithAuthorizer", "GET", "/orders/1", **given)[0]
        for given in ({}, {"authorization": "bad"}, {"authorization": "good"})
    ]
    assert statuses == [401, 403, 201]
    assert call(strangers, "RestApiWithAuthorizer", "GET", "/other")[0] == 403


def test_rest_api_with_request_authorizer(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html"""
    stack = "RestApiWithRequestAuthorizer"
    answers = [call(strangers, stack, "GET", path, x_user="ada") for path in ("/", "/?user=bob", "/?user=ada")]
    assert [status for status, _ in answers] == [401, 403, 201]
    assert answers[2][1]["by"] == {"principalId": "u", "level": "3"}


def test_rest_api_with_key_and_validator(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html"""
    stack, key = "RestApiWithKeyAndValidator", {"x_api_key": "a-key-of-twenty-characters"}
    assert call(strangers, stack, path="/?q=1", body={"n": 1}) == (403, {"message": "Forbidden"})
    assert call(strangers, stack, body={"n": 1}, **key) == (
        400,
        {"message": "Missing required request parameters: [q]"},
    )
    answers = [call(strangers, stack, path="/?q=1", body=body, **key) for body in ({"n": "a"}, {"n": 1})]
    assert [status for status, _ in answers] == [400, 201]


def test_rest_api_to_bus(strangers):
    status, answer = call(strangers, "RestApiToBus", body={"order": 'a"b'})
    (event,) = strangers.bodies(strangers.output("RestApiToBus", "Queue"))
    assert (status, answer["id"]) == (200, event["id"])
    assert event["detail"] == {"order": 'a"b'}


def test_rest_api_to_queue(strangers):
    assert call(strangers, "RestApiToQueue", body={"order": "a&b"}) == (200, {"sent": True})
    assert strangers.bodies(strangers.output("RestApiToQueue", "Queue")) == [{"order": "a&b"}]


def test_rest_api_to_topic(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping.html"""
    stack = "RestApiToTopic"
    assert call(strangers, stack, body={"message": "a&b"}) == (200, {"sent": True})
    assert call(strangers, stack, "GET", "/?text=c") == (200, {"sent": True})
    assert sorted(strangers.bodies(strangers.output(stack, "Queue"))) == ["a&b", "c"]


def test_rest_api_to_table_and_stream(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html"""
    stack = "RestApiToTableAndStream"
    assert call(strangers, stack, body={"id": "a"})[0] == 200
    assert call(strangers, stack, "GET", "/a") == (200, [1])
    assert call(strangers, stack, path="/record", body={"r": 1})[0] == 200
    assert [event["Records"][0]["eventSource"] for event in strangers.seen(strangers.output(stack))] == ["aws:kinesis"]


def test_rest_api_to_bucket(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/integrating-api-with-aws-services-s3.html"""
    assert call(strangers, "RestApiToBucket", "PUT", "/a.json", body={"a": 1}) == (200, {"stored": True})
    stored = strangers.client("s3").get_object(Bucket=strangers.output("RestApiToBucket", "Bucket"), Key="a.json")
    assert json.load(stored["Body"]) == {"a": 1}


def test_rest_api_of_a_definition(strangers):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-restapi.html"""
    assert call(strangers, "RestApiOfADefinition", "GET", "/open") == (201, {"path": "/open", "by": None})


def test_rest_api_with_user_pool(strangers):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
    Differs: the local cloud has no user pools, so no token is valid.
    """
    stack = "RestApiWithUserPool"
    assert call(strangers, stack, "GET", authorization="eyJ.e.x")[0] == 401
    assert call(strangers, stack, "GET", "/open")[0] == 201


def test_rest_api_to_state_machine(strangers):
    assert call(strangers, "RestApiToStateMachine", body={"order": "a"}) == (200, {"order": "a"})
