"""HTTP APIs and function URLs."""

import http.client
import json
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def call(strangers):
    """Call the HTTP API of a stack, or its function URL; return the status and the parsed body."""

    def call(stack, path="/", body=None, method="POST", **headers):
        outputs = strangers.cloud.outputs(stack)
        url = outputs.get("UrlOutput") or f"{strangers.cloud.endpoint_url}/_aws/execute-api/{outputs.get('ApiOutput')}/"
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        given = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        content = None if body is None else json.dumps(body)
        connection.request(method, urlsplit(url).path.rstrip("/") + path, content, given)
        response = connection.getresponse()
        text = response.read()
        strangers.settle()
        return response.status, json.loads(text or b"null")

    return call


def test_http_api_to_bus(strangers, call):
    status, answer = call("HttpApiToBus", "/events", {"Source": "web", "DetailType": "placed", "Detail": {"n": 1}})
    (event,) = strangers.bodies(strangers.output("HttpApiToBus", "Queue"))
    assert (status, answer["Entries"], event["detail"]) == (200, [{"EventId": event["id"]}], {"n": 1})
    assert call("HttpApiToBus", "/events", {"Source": "web"}) == (400, {"message": "Bad Request"})


def test_http_api_to_queue(strangers, call):
    status, answer = call("HttpApiToQueue", "/orders", {"n": 1}, user_agent="a stranger")
    url = strangers.output("HttpApiToQueue", "Queue")
    (message,) = strangers.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert (status, answer["MessageId"], json.loads(message["Body"])) == (200, message["MessageId"], {"n": 1})
    assert message["MessageAttributes"]["agent"]["StringValue"] == "a stranger"


def test_http_api_to_fifo_queue(strangers, call):
    url = strangers.output("HttpApiToFifoQueue", "Queue")
    assert call("HttpApiToFifoQueue", "/notes/c-1", {"note": "one"})[1]["SequenceNumber"]
    assert strangers.bodies(url) == ["one"]
    call("HttpApiToFifoQueue", "/notes/c-2", {"note": "two"})
    assert call("HttpApiToFifoQueue", "/notes", method="DELETE")[0] == 200
    assert strangers.bodies(url) == []


def test_http_api_to_state_machine(call):
    status, answer = call("HttpApiToStateMachine", "/runs", {"n": 1})
    assert (status, answer["status"], answer["output"]) == (200, "SUCCEEDED", '{"n":1}')


def test_http_api_starts_state_machine(strangers, call):
    status, answer = call("HttpApiStartsStateMachine", "/runs")
    states = strangers.client("stepfunctions")
    assert (status, states.describe_execution(executionArn=answer["executionArn"])["status"]) == (200, "SUCCEEDED")


def test_http_api_to_stream(strangers, call):
    assert call("HttpApiToStream", "/clicks?user=u-1", {"n": 1})[0] == 200
    (event,) = strangers.seen(strangers.output("HttpApiToStream"))
    assert event["Records"][0]["kinesis"]["partitionKey"] == "u-1"


def test_http_api_with_lambda_authorizer(call):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    stack = "HttpApiWithLambdaAuthorizer"
    answers = [call(stack, "/orders", **given) for given in ({}, {"authorization": "bad"}, {"authorization": "good"})]
    assert [status for status, _ in answers] == [401, 403, 200]
    assert answers[2][1]["by"] == {"lambda": {"tenant": "t-1"}}


def test_http_api_with_parameter_mapping(call):
    status, answer = call("HttpApiWithParameterMapping", "/orders?user=ada", {"n": 1})
    assert (status, answer["path"], answer["user"]) == (202, "/internal", "ada")


def test_http_api_to_url(call, hook):
    status, _ = call("HttpApiToUrl", "/orders/o-1", {"n": 1})
    ((_, sent),) = [each for each in hook.requests if each[0].get("x-order") == "o-1"]
    assert (status, sent) == (200, {"n": 1})


def test_function_url(call):
    assert call("FunctionUrl", "/a/b", {"n": 1}, origin="https://shop.example")[1]["path"] == "/a/b"
    assert call("FunctionUrl", "/", origin="https://other.example")[0] == 403


def test_function_url_calls_function_url(call):
    status, answer = call("FunctionUrlCallsFunctionUrl", method="GET")
    assert (status, ":assumed-role/" in answer["by"]) == (200, True)


def test_alias_with_function_url(call):
    assert call("AliasWithFunctionUrl", "/a")[1]["path"] == "/a"
