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
from millrace.local.simulation.direct import Direct
from millrace.local.simulation.faults import SimulatedFaults
from millrace.local.simulation.scheduler import SimulatedScheduler
from millrace.local.simulation.surroundings import Switch
from millrace.local.simulation.tasks import CrashError, SimulatedLoop, Task, current_task, pause

_APIS = "execute-api"
"""HTTP APIs verify signatures."""
_ERRORS = 300
_FAILURE = {"__type": "InternalServerError", "message": "This failure was injected by the simulation."}
_INJECTED = Response.of(_FAILURE, 500, [("x-amzn-errortype", "InternalServerError"), ("x-amzn-requestid", "injected")])


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
        self.direct = Direct(self.begin)
        self._begun: dict[Task | None, Response | ReadTimeoutError] = {}
        """First attempts of calls that did not succeed."""
        self.faults: SimulatedFaults | None = None
        self.observe: Callable[[str, str, int, bytes], object] = lambda *_: None

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Answer every request of botocore in this process."""
        with (
            patch.object(URLLib3Session, "send", lambda _session, prepared: self.send(prepared)),
            patch.object(SigV4Auth, "add_auth", _name_signer),
            patch.object(UserAgentString, "to_string", lambda _agent: "simulation"),  # takes longer than a read
            self.direct.in_force(),
        ):
            yield

    def begin(self, request: Request) -> Response | None:
        """Make the first attempt of a call. Returns None if it fails; `send` then returns what has happened."""
        attempt = self._attempt(request, "")
        if isinstance(attempt, Response) and attempt.status < _ERRORS:
            return attempt
        self._begun[current_task()] = attempt
        return None

    def send(self, prepared: Any) -> AWSResponse:
        """Return the response to a request of a handler, or of a test. Raises ReadTimeoutError."""
        request = _request(prepared, from_function=current_task() is not None)
        attempt = self._begun.pop(current_task(), None)
        invocation = request.headers.get("amz-sdk-invocation-id", "")
        if attempt is None:
            attempt = self._attempt(request, invocation)
        elif attempt is _INJECTED and self.faults:
            self.faults.fail_retries(invocation)
        if isinstance(attempt, ReadTimeoutError):
            raise attempt
        return _received(prepared, attempt)

    def _attempt(self, request: Request, invocation: str) -> Response | ReadTimeoutError:
        task = current_task()
        if task is None:
            return self._loop.run(self._answer(request))
        with self._switch.answering():
            return self._of_handler(task, request, invocation)

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

    def _of_handler(self, task: Task, request: Request, invocation: str) -> Response | ReadTimeoutError:
        operation = _operation(request)
        fault = self.faults.at_call(f"{task.name} {operation}", invocation) if self.faults else None
        kind = fault.kind if fault else ""
        if fault and kind == "pause":
            with self._switch.entered(self._switch.cloud):
                pause(self._scheduler, task, fault.amount)
        if kind == "crash before":
            raise CrashError
        if kind == "error":
            return _INJECTED
        response = self._loop.run(self._answer(request))
        self.observe(task.name, operation, response.status, request.body)
        if kind == "crash after":
            raise CrashError
        if kind == "response lost":
            return ReadTimeoutError(endpoint_url=request.headers["host"])
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
