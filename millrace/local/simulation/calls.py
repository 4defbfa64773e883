"""Calls of AWS by boto3, answered in this process without HTTP."""

import io
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.useragent import UserAgentString

from millrace.local.core.http import Request, Response
from millrace.local.simulation.faults import SimulatedFaults
from millrace.local.simulation.scheduler import SimulatedScheduler
from millrace.local.simulation.surroundings import Switch
from millrace.local.simulation.tasks import CrashError, SimulatedLoop, Task, current_task, pause

_APIS = "execute-api"
"""HTTP APIs verify signatures."""


class Calls:
    """Answers requests of botocore. Calls of handlers meet faults."""

    def __init__(
        self,
        scheduler: SimulatedScheduler,
        switch: Switch,
        answer: Callable[[Request], Coroutine[Any, Any, Response]],
    ) -> None:
        self._scheduler = scheduler
        self._switch = switch
        self._answer = answer
        self._loop = SimulatedLoop(scheduler, partial(switch.entered, switch.cloud))  # type: ignore[abstract]
        self.faults: SimulatedFaults | None = None
        self.observe: Callable[[str, str, int, bytes], object] = lambda *_: None

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Answer every request of botocore in this process."""
        with (
            patch.object(URLLib3Session, "send", lambda _session, prepared: self.send(prepared)),
            patch.object(SigV4Auth, "add_auth", _name_signer),
            patch.object(UserAgentString, "to_string", lambda _agent: "simulation"),  # takes longer than a read
        ):
            yield

    def send(self, prepared: Any) -> AWSResponse:
        """Return the response to a request of a handler, or of a test."""
        task = current_task()
        if task is None:
            return _received(prepared, self._loop.run(self._answer(_request(prepared, from_function=False))))
        with self._switch.answering():
            return _received(prepared, self._of_handler(task, prepared))

    def request(self, request: Request) -> Response:
        """Return the response to a request of a test."""
        return self._loop.run(self._answer(request))

    def sleep(self, seconds: float) -> None:
        """Let a handler wait; in a test, skip the time."""
        task = current_task()
        if task is None:
            self._scheduler.clock.skip_to(self._scheduler.clock.now() + seconds)
            return
        with self._switch.entered(self._switch.cloud):
            pause(self._scheduler, task, seconds)

    def _of_handler(self, task: Task, prepared: Any) -> Response:
        request = _request(prepared, from_function=True)
        operation = _operation(request)
        attempt = request.headers.get("amz-sdk-invocation-id", "")
        fault = self.faults.at_call(f"{task.name} {operation}", attempt) if self.faults else None
        kind = fault.kind if fault else ""
        if fault and kind == "pause":
            with self._switch.entered(self._switch.cloud):
                pause(self._scheduler, task, fault.amount)
        if kind == "crash before":
            raise CrashError
        if kind == "error":
            return Response.error("InternalServerError", "This failure was injected by the simulation.", 500)
        response = self._loop.run(self._answer(request))
        self.observe(task.name, operation, response.status, request.body)
        if kind == "crash after":
            raise CrashError
        if kind == "response lost":
            raise ReadTimeoutError(endpoint_url=prepared.url)
        return response


class _Body(io.BytesIO):
    """The body of a response, as urllib3 streams it."""

    def stream(self, _size: int = 0, **_options: Any) -> Iterator[bytes]:
        """Yield the body."""
        if content := self.read():
            yield content


def _received(prepared: Any, response: Response) -> AWSResponse:
    body = b"" if prepared.method == "HEAD" else response.body
    received: Any = AWSResponse  # its stub requires another type of headers
    made: AWSResponse = received(prepared.url, response.status, dict(response.headers), _Body(body))
    return made


def _request(prepared: Any, *, from_function: bool) -> Request:
    url = urlsplit(prepared.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    headers.setdefault("host", url.netloc)
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes | bytearray) else body.read()
    path = url.path or "/"
    return Request(prepared.method, unquote(path), url.query, headers, bytes(body), path, from_function)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


_sign = SigV4Auth.add_auth


def _name_signer(signer: Any, request: Any) -> None:
    """Add the signer to a request, as a signature does. It takes a tenth of the time, and it is not verified."""
    if signer._service_name == _APIS:  # noqa: SLF001 - botocore's
        _sign(signer, request)
        return
    scope = f"{signer.credentials.access_key}/{time.strftime('%Y%m%d', time.gmtime())}"
    scope += f"/{signer._region_name}/{signer._service_name}/aws4_request"  # noqa: SLF001 - botocore's
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"


def _operation(request: Request) -> str:
    """Return the name of a call for people, such as `dynamodb.PutItem`."""
    name = request.operation.partition(".")[2] or request.method
    return f"{request.service}.{name}"
