"""The loopback endpoint: whom it answers, and how."""

import asyncio
import gzip
import http.client
import json
import socket

import pytest

from millrace.local.core.http import Request
from millrace.local.endpoint import limits, server

HOSTILE = {"Origin": "https://hostile.example"}
INVOKE = "/2015-03-31/functions/f/invocations"
QUERY = "application/x-www-form-urlencoded"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def send(empty_cloud):
    """Send one request with headers of one's own."""

    def send(method, path, body=b"", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", empty_cloud.port)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse()

    return send


def test_a_name_that_is_not_loopback_is_refused(send):
    assert send("GET", "/", Host="millrace.example.com").status == 403


def test_a_web_page_cannot_call_the_kits_own_interface(send):
    assert send("POST", "/_millrace/down").status == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("POST", INVOKE, HOSTILE | {"Content-Type": "text/plain"}, id="fetch without a preflight, beacon"),
        pytest.param("POST", INVOKE, {"Origin": "null"}, id="sandboxed frame, file"),
        pytest.param("POST", INVOKE, {"Origin": "http://127.0.0.1:1"}, id="other port of this machine"),
        pytest.param("POST", "/", HOSTILE | {"Content-Type": QUERY}, id="form"),
        pytest.param("POST", "/", {"Sec-Fetch-Site": "none"}, id="form that no page sent"),
        pytest.param("OPTIONS", "/", HOSTILE | {"Access-Control-Request-Method": "POST"}, id="preflight"),
        pytest.param("GET", "/", HOSTILE, id="fetch"),
        pytest.param("GET", "/", {"Sec-Fetch-Site": "cross-site"}, id="image, link"),
        pytest.param("GET", "/", {"Sec-Fetch-Site": "same-site"}, id="image on another port"),
        pytest.param("GET", "/", HOSTILE | {"Upgrade": "websocket", "Connection": "Upgrade"}, id="WebSocket"),
        pytest.param("POST", "/moto-api/reset", {}, id="moto's own interface"),
        pytest.param("GET", "/_millrace/health", HOSTILE | {"X-Millrace": "1"}, id="the kit's own interface"),
        pytest.param("GET", "/_millrace/health", {"Sec-Fetch-Site": "none", "X-Millrace": "1"}, id="the same, typed"),
    ],
)
def test_what_a_page_of_another_origin_sends_is_refused(send, method, path, headers):
    answer = send(method, path, **headers)
    refusal = json.load(answer)
    assert (answer.status, refusal["__type"]) == (403, "AccessDenied"), refusal
    assert "local cloud refuses" in refusal["message"] or "/moto-api is closed" in refusal["message"]
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_endpoints_own_pages_and_typed_addresses_are_answered(send, site):
    answer = send("GET", "/", Sec_Fetch_Site=site)
    assert b"local cloud refuses" not in answer.read()
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_a_page_of_the_endpoint_may_send_its_origin_to_an_api(send, empty_cloud):
    origins = [f"http://{name}:{empty_cloud.port}" for name in ("127.0.0.1", "localhost")]
    for path, refused in (("/_aws/execute-api/a/x", [False, True]), (INVOKE, [True, True])):
        answers = [send("POST", path, Origin=origin).read() for origin in origins]
        assert [b"local cloud refuses" in answer for answer in answers] == refused


LARGE = str(300 * 1024 * 1024)
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("service", "path", "headers", "status", "text"),
    [
        ("events", "/", {"X-Amz-Target": "AWSEvents.PutEvents"}, 413, "HTTP content length exceeded 16777216 bytes"),
        ("dynamodb", "/", {"X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}, 413, "exceeded 16777216 bytes"),
        ("sqs", "/", {"X-Amz-Target": "AmazonSQS.SendMessage"}, 413, "exceeded 16777216 bytes"),
        ("cloudformation", "/", {"Content-Type": QUERY}, 413, "exceeded 16777216 bytes"),
        ("lambda", INVOKE, {}, 413, "314572800 byte payload is too large for the RequestResponse invocation type"),
        ("lambda", INVOKE, {"X-Amz-Invocation-Type": "Event"}, 413, "(limit 1048576 bytes)"),
        ("lambda", "/2015-03-31/functions", {}, 413, "smaller than 70167211 bytes for the CreateFunction operation"),
        ("s3", "/bucket/key", {}, 400, "accepts at most 104857600 bytes in one request, not 314572800"),
        ("execute-api", "/_aws/execute-api/a/x", {}, 413, "Request Entity Too Large"),
    ],
)
def test_a_large_request_is_refused_before_its_body_is_read(send, service, path, headers, status, text):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

    Differs: S3 takes 5 GB in one request, here 100 MiB; most other APIs take 16 MiB here.
    """
    method = "PUT" if service == "s3" else "POST"
    answer = send(method, path, Content_Length=LARGE, Authorization=SIGNED.format(service), **headers)
    body = answer.read().decode()
    assert answer.status == status
    assert text in body


def put_events(**headers):
    return Request("POST", "/", "", {"x-amz-target": "AWSEvents.PutEvents", **headers}, b"")


def receiver(messages):
    async def receive():
        return messages.pop(0)

    return receive


def received(*messages):
    """The request that is made of some messages of ASGI."""
    return asyncio.run(limits.received(put_events(), receiver(list(messages)), is_api=False))


def part(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.usefixtures("empty_cloud")
def test_a_body_of_unknown_length_is_read_to_the_limit(monkeypatch):
    monkeypatch.setattr(limits, "MOST_BYTES", 5)
    assert received(part(b"abc"), part(b"de", more=False)).body == b"abcde"
    left = [part(b"abc"), part(b"def"), part(b"ghi")]
    with pytest.raises(limits.RefusedRequestError, match=r"413 .* exceeded 5 bytes"):
        asyncio.run(limits.received(put_events(), receiver(left), is_api=False))
    assert left == [part(b"ghi")]


def test_a_request_that_is_cut_off_is_not_run():
    with pytest.raises(limits.DisconnectedError):
        received(part(b"abc"), {"type": "http.disconnect"})


@pytest.mark.usefixtures("empty_cloud")
@pytest.mark.parametrize("body", [gzip.compress(b"abcdef", mtime=0), gzip.compress(b"abc", mtime=0) * 2, b"abc"])
def test_a_compressed_body_is_limited_by_what_it_unpacks_to(monkeypatch, body):
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-compression.html"""
    monkeypatch.setattr(limits, "MOST_BYTES", 5)
    request = put_events(**{"content-encoding": "gzip"})
    with pytest.raises(limits.RefusedRequestError):
        limits.check_unpacked(Request("POST", "/", "", request.headers, body))


def connected(cloud, data):
    connection = socket.create_connection(("127.0.0.1", cloud.port), timeout=5)
    connection.sendall(data)
    return connection


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_connection_without_complete_headers_is_closed(empty_cloud, monkeypatch, data):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.05)
    assert connected(empty_cloud, data).recv(1) == b""


def test_headers_without_end_are_refused(empty_cloud, monkeypatch):
    monkeypatch.setattr(server, "MOST_HEADER_BYTES", 1000)
    data = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000
    assert connected(empty_cloud, data).recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_body_that_does_not_come_is_not_waited_for(empty_cloud, monkeypatch):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.05)
    data = b"PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"
    answer = http.client.HTTPResponse(connected(empty_cloud, data))
    answer.begin()
    assert (answer.status, b"RequestTimeout" in answer.read(), answer.will_close) == (400, True, True)


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


def test_a_body_that_is_no_json_is_refused(send):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html"""
    answer = send("POST", "/", b"no json", X_Amz_Target="AWSEvents.PutEvents", Authorization=SIGNED)
    assert (answer.status, json.load(answer)["__type"]) == (400, "SerializationException")


def test_a_function_that_is_not_there_is_a_404(empty_cloud):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    functions = empty_cloud.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="missing")
