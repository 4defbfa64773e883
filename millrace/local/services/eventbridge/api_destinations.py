"""API destinations: events sent to an HTTP endpoint, at no more than its rate.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import http.client
import json
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from millrace.local.core.delivery import Done, Failure
from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.core.targets import TargetDelivery
from millrace.local.services.eventbridge import connections
from millrace.local.services.eventbridge.connections import Answer, Call, Extra, NotAuthorized, NotLoopback, Tokens
from millrace.local.services.eventbridge.inputs import compact

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

TIMEOUT_SECONDS = 5.0
DEFAULT_RATE = 300
_HEADERS = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Content-Type": "application/json; charset=utf-8",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "close",
}
_THREADS = 8
_OK = range(200, 300)
_THROTTLED = 429
_SERVER_ERRORS = range(500, 600)
_NO_TOKEN = (401, 407)


class ApiDestinations:
    """Calls the endpoints of moto's API destinations, each call in a thread of its own."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._tokens = Tokens()
        self._sent: dict[str, deque[float]] = {}
        self.timeout = TIMEOUT_SECONDS

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, "api-destination")

    def forget(self) -> None:
        """Forget tokens, and what was sent when."""
        self._tokens.forget()
        self._sent.clear()

    def send(self, delivery: TargetDelivery, message: str, done: Done) -> None:
        """Send as soon as the rate of the destination lets it, and tell `done` how that went."""
        destination, connection = self._found(delivery.target["Arn"])
        if destination is None or connection is None:
            what = "connection" if destination else "API destination"
            done(Failure("NO_RESOURCE", f"The {what} of {delivery.target['Arn']} does not exist.", retriable=False))
            return
        try:
            call = _call(destination, connection, delivery, message)
            connections.loopback(call.url)
        except (NotLoopback, JsonPathError) as error:
            code = "NOT_DELIVERED_LOCALLY" if isinstance(error, NotLoopback) else "INVALID_PARAMETER"
            done(Failure(code, str(error), retriable=False))
            return
        due = self._turn(destination)
        self._region.scheduler.at(due, lambda: self._start(call, connection, done), f"call of {destination.name}")

    def _found(self, arn: str) -> tuple[Any, Any]:
        name = arn.split(":api-destination/")[1].partition("/")[0]
        destination = self._region.backends.events.destinations.get(name)
        if destination is None:
            return None, None
        connection = destination.connection_arn.split(":connection/")[1].partition("/")[0]
        return destination, self._region.backends.events.connections.get(connection)

    def _turn(self, destination: Any) -> float:
        """When the next call may go out, so that no second has more than the rate."""
        rate = int(destination.invocation_rate_limit_per_second or DEFAULT_RATE)
        sent = self._sent.setdefault(destination.name, deque())
        while len(sent) > rate:
            sent.popleft()
        now = self._region.clock.now()
        due = max(now, sent[-rate] + 1.0) if len(sent) >= rate else now
        sent.append(due)
        return due

    def _start(self, call: Call, connection: Any, done: Done) -> None:
        now = self._region.clock.now()
        with self._region.scheduler.hold(f"call of {call.url}") as hold:

            def run() -> None:
                try:
                    failure = self._outcome(call, connection, now)
                    self._region.scheduler.soon(lambda: done(failure), f"answer of {call.url}")
                finally:
                    hold.release()

            self._threads.submit(run)
            hold.hand_over()

    def _outcome(self, call: Call, connection: Any, now: float) -> Failure | None:
        try:
            answer = connections.make(self._authorized(call, connection, now), self.timeout)
        except TimeoutError:
            return Failure("TIMEOUT", f"{_UNABLE}: no answer within {self.timeout:g} s.")
        except (OSError, http.client.HTTPException) as error:
            return Failure("CONNECTION_FAILURE", f"{_UNABLE}: API destination endpoint cannot be reached: {error}")
        except NotLoopback as error:
            return Failure("NOT_DELIVERED_LOCALLY", str(error), retriable=False)
        except NotAuthorized as error:
            return Failure("SDK_CLIENT_ERROR", f"{_UNABLE}: {error}")
        oauth = connection.authorization_type == "OAUTH_CLIENT_CREDENTIALS"
        if oauth and answer.status in _NO_TOKEN:
            self._tokens.forget(connection.name)
        return _failure(answer, oauth=oauth)

    def _authorized(self, call: Call, connection: Any, now: float) -> Call:
        kind, parameters = connection.authorization_type, connection.auth_parameters
        if kind == "OAUTH_CLIENT_CREDENTIALS":
            text = self._tokens.header(connection.name, parameters["OAuthParameters"], now, self.timeout)
            headers = {"Authorization": text}
        else:
            headers = connections.authorization(kind, parameters)
        return Call(call.method, call.url, call.headers | headers, call.body)


_UNABLE = "Unable to invoke ApiDestination endpoint"


def _call(destination: Any, connection: Any, delivery: TargetDelivery, message: str) -> Call:
    """The request, as target and connection make it; where both say something, the connection's word counts.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_HttpParameters.html
    """
    given = delivery.target.get("HttpParameters") or {}
    of_connection = Extra.of((connection.auth_parameters or {}).get("InvocationHttpParameters"))
    url = destination.invocation_endpoint
    for value in given.get("PathParameterValues") or []:
        url = url.replace("*", quote(_dynamic(value, delivery), safe=""), 1)
    query = {name: _dynamic(value, delivery) for name, value in (given.get("QueryStringParameters") or {}).items()}
    headers = {name: _dynamic(value, delivery) for name, value in (given.get("HeaderParameters") or {}).items()}
    return Call(
        method=destination.http_method,
        url=connections.with_query(url, query | of_connection.query),
        headers=_HEADERS | headers | of_connection.headers,
        body=_with_body(message, of_connection.body).encode(),
    )


def _dynamic(value: str, delivery: TargetDelivery) -> str:
    """A value, or what the event has at it if it is a path.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#dynamic-path-parameters
    """
    if not value.startswith("$."):
        return value
    found = find(delivery.envelope, value)
    return "" if found is MISSING else found if isinstance(found, str) else compact(found)


def _with_body(message: str, more: Mapping[str, Any]) -> str:
    if not more:
        return message
    try:
        content = json.loads(message)
    except ValueError:
        return message  # a text has no place for parameters
    return compact({**content, **more}) if isinstance(content, dict) else message


def _failure(answer: Answer, *, oauth: bool) -> Failure | None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html#eb-api-destination-error-codes."""
    if answer.status in _OK:
        return None
    message = f"{_UNABLE}: it answered {answer.status}."
    after = _retry_after(answer)
    retriable = answer.status == _THROTTLED or answer.status in _SERVER_ERRORS or (oauth and answer.status in _NO_TOKEN)
    codes = {True: "THROTTLING" if answer.status == _THROTTLED else "ERROR_FROM_TARGET", False: "SDK_CLIENT_ERROR"}
    return Failure(codes[retriable], message, retriable=retriable and after >= 0, after=max(0.0, after))


def _retry_after(answer: Answer) -> float:
    try:
        return float(answer.headers.get("retry-after", 0))
    except ValueError:
        return 0.0  # a date: AWS says nothing of dates
