"""The HTTP client of workers for the SDK's requests to the local cloud."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions
from botocore.awsrequest import AWSRequest
from botocore.endpoint import EndpointCreator

from millrace.local.workers.inside.loopback import ChangedSdkError, Session, install

ANSWER = b"HTTP/1.1 200 OK\r\nX-Id: 1\r\nx-id: 2\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request on a connection with the next answer, and closes after the last one."""

    def __init__(self, *answers: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.received: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while self._answers:
            connection, _ = self._listener.accept()
            self.connections += 1
            with connection:
                while self._answers and (data := connection.recv(65536)):
                    self.received.append(data)
                    answer = self._answers.pop(0)
                    connection.sendall(answer)
                    if b"close" in answer:
                        break


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    def start(*answers: bytes) -> Server:
        server = Server(*answers)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        return server

    return start


def request(server: Server, body: Any = b"{}", method: str = "POST", **headers: str) -> Any:
    prepared = AWSRequest(method, f"{server.url}/table?a=b", headers=headers, data=body).prepare()
    prepared.stream_output = False
    return prepared


def test_a_request_is_sent_as_http(serve: Any) -> None:
    server = serve(ANSWER)
    response = Session().send(request(server, "{}", Name="value"))
    assert (response.status_code, response.content, response.headers["X-ID"]) == (200, b"{}", "1, 2")
    assert server.received[0].startswith(b"POST /table?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nName: value\r\n" in server.received[0]


def test_requests_share_a_connection(serve: Any) -> None:
    server, session = serve(ANSWER, ANSWER, ANSWER), Session()
    for _ in range(3):
        session.send(request(server))
    assert server.connections == 1


def test_a_closed_connection_is_replaced(serve: Any) -> None:
    closing = ANSWER.replace(b"X-Id: 1", b"Connection: close")
    server, session = serve(closing, ANSWER), Session()
    assert [session.send(request(server)).status_code for _ in range(2)] == [200, 200]
    assert server.connections == 2


def test_a_response_may_arrive_in_pieces(serve: Any) -> None:
    large = b"x" * 300_000
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + large)
    assert Session().send(request(server)).content == large


def test_an_incomplete_response_is_a_closed_connection(serve: Any) -> None:
    server = serve(ANSWER[:-1])
    with pytest.raises(exceptions.ConnectionClosedError):
        Session().send(request(server))


def test_a_late_response_is_a_read_timeout(serve: Any) -> None:
    server = serve(b" ", ANSWER)
    with pytest.raises(exceptions.ReadTimeoutError):
        Session(timeout=(1, 0.01)).send(request(server))


def test_a_refused_connection_is_an_endpoint_connection_error(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    server.url = "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    with pytest.raises(exceptions.EndpointConnectionError):
        Session().send(request(server))


def test_a_stream_and_a_header_with_a_line_break_stay_with_urllib3(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, sent = serve(), []
    monkeypatch.setattr(Session, "_urllib3", type("Urllib3", (), {"send": staticmethod(sent.append)}))
    stream = request(server)
    stream.stream_output = True
    others = [request(server, Expect="100-continue"), request(server, Name="a\r\nb: c"), request(server, method="HEAD")]
    for each in (stream, *others):
        Session().send(each)
    assert sent == [stream, *others]


def test_a_changed_sdk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EndpointCreator, "create_endpoint", lambda _self: None)
    with pytest.raises(ChangedSdkError, match="http_session_cls"):
        install()
