"""The loopback endpoint: whom it answers, and how."""

import http.client
import json

import pytest

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def ask(empty_cloud):
    """Send one request with headers of one's own."""

    def ask(method, path, body=b"", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", empty_cloud.port)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse()

    return ask


def test_a_name_that_is_not_loopback_is_refused(ask):
    assert ask("GET", "/", Host="millrace.example.com").status == 403


def test_a_web_page_cannot_call_the_kits_own_interface(ask):
    assert ask("POST", "/_millrace/down").status == 403


def test_connections_are_kept_alive(empty_cloud):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-smart-config-defaults.html"""
    connection = http.client.HTTPConnection("127.0.0.1", empty_cloud.port)
    for _ in range(2):
        connection.request("GET", "/_millrace/health", headers={"x-millrace": "1"})
        answer = connection.getresponse()
        assert json.load(answer) == {"millrace": "up"}
        opened = connection.sock
    assert connection.sock is opened is not None


def test_it_listens_on_loopback_alone(empty_cloud):
    listeners = empty_cloud._server.servers
    assert [socket.getsockname()[0] for each in listeners for socket in each.sockets] == ["127.0.0.1"] * 2


def test_a_body_that_is_no_json_is_refused(ask):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html"""
    answer = ask("POST", "/", b"no json", X_Amz_Target="AWSEvents.PutEvents", Authorization=SIGNED)
    assert (answer.status, json.load(answer)["__type"]) == (400, "SerializationException")


def test_a_function_that_is_not_there_is_a_404(empty_cloud):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    functions = empty_cloud.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody")
