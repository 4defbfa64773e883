"""API destinations: send events to an HTTP endpoint, limited to its invocation rate.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
"""

import http.client
import json
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from millrace.local.core.delivery import Done, Failure
from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.core.targets import TargetDelivery
from millrace.local.services.eventbridge import connections
from millrace.local.services.eventbridge.connections import HttpRequest, HttpResponse, NotLoopbackError
from millrace.local.services.eventbridge.target_input import compact

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
_UNAUTHORIZED = (401, 407)
_OAUTH = "OAUTH_CLIENT_CREDENTIALS"
_UNABLE = "Unable to invoke ApiDestination endpoint"


class ApiDestinations:
    """Calls the endpoints of moto's API destinations on a pool of threads."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._tokens = connections.OAuthTokens()
        self._sent: dict[str, deque[float]] = {}
        self.timeout = TIMEOUT_SECONDS

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, "api-destination")

    def reset(self) -> None:
        """Drop tokens and the times of earlier calls."""
        self._tokens.reset()
        self._sent.clear()

    def send(
        self, delivery: TargetDelivery, message: str, done: Done, answered: Callable[[bytes], None] | None = None
    ) -> None:
        """Call the endpoint as soon as the destination's rate allows, then call `done` with the outcome.

        Before that, `answered` gets the body of a successful response.
        """
        destination, connection = self._lookup(delivery.target["Arn"])
        if destination is None or connection is None:
            missing = "connection" if destination else "API destination"
            done(Failure("NO_RESOURCE", f"The {missing} of {delivery.target['Arn']} does not exist.", retriable=False))
            return
        try:
            request = _request(destination, connection, delivery, message)
            connections.parse_loopback_url(request.url)
        except NotLoopbackError as error:
            done(Failure("NOT_DELIVERED_LOCALLY", str(error), retriable=False))
        except JsonPathError as error:
            done(Failure("INVALID_PARAMETER", str(error), retriable=False))
        else:
            due, what = self._next_slot(destination), f"call of {destination.name}"
            self._region.scheduler.at(due, lambda: self._start(request, connection, done, answered), what)

    def _lookup(self, arn: str) -> tuple[Any, Any]:
        events = self._region.backends.events
        destination = events.destinations.get(arn.split(":api-destination/")[1].partition("/")[0])
        if destination is None:
            return None, None
        name = destination.connection_arn.split(":connection/")[1].partition("/")[0]
        return destination, events.connections.get(name)

    def _next_slot(self, destination: Any) -> float:
        """Return when the next call may start, so that no second exceeds the rate."""
        rate = int(destination.invocation_rate_limit_per_second or DEFAULT_RATE)
        sent = self._sent.setdefault(destination.name, deque())
        while len(sent) > rate:
            sent.popleft()
        now = self._region.clock.now()
        due = max(now, sent[-rate] + 1.0) if len(sent) >= rate else now
        sent.append(due)
        return due

    def _start(
        self, request: HttpRequest, connection: Any, done: Done, answered: Callable[[bytes], None] | None
    ) -> None:
        now = self._region.clock.now()
        with self._region.scheduler.hold(f"call of {request.url}") as hold:

            def run() -> None:
                try:
                    result = self._call(request, connection, now)
                    self._region.scheduler.soon(lambda: _ended(result, done, answered), f"response of {request.url}")
                finally:
                    hold.release()

            self._threads.submit(run)
            hold.hand_over()

    def _call(self, request: HttpRequest, connection: Any, now: float) -> Failure | bytes:
        """Return the body of a successful response, or the failure."""
        try:
            response = connections.send(self._with_authorization(request, connection, now), self.timeout)
        except TimeoutError:
            return Failure("TIMEOUT", f"{_UNABLE}: no response within {self.timeout:g} s.")
        except connections.InvalidHttpRequestError as error:
            return Failure("SDK_CLIENT_ERROR", f"{_UNABLE}: {error}", retriable=False)
        except (OSError, http.client.HTTPException) as error:
            return Failure("CONNECTION_FAILURE", f"{_UNABLE}: API destination endpoint cannot be reached: {error}")
        except NotLoopbackError as error:
            return Failure("NOT_DELIVERED_LOCALLY", str(error), retriable=False)
        except connections.AuthorizationError as error:
            return Failure("SDK_CLIENT_ERROR", f"{_UNABLE}: {error}")
        oauth = connection.authorization_type == _OAUTH
        if oauth and response.status in _UNAUTHORIZED:
            self._tokens.discard(connection.name)
        return _failure(response, oauth=oauth) or response.body

    def _with_authorization(self, request: HttpRequest, connection: Any, now: float) -> HttpRequest:
        kind, parameters = connection.authorization_type, connection.auth_parameters
        if kind == _OAUTH:
            token = self._tokens.header(connection.name, parameters["OAuthParameters"], now, self.timeout)
            headers = {"Authorization": token}
        else:
            headers = connections.key_headers(kind, parameters)
        return HttpRequest(request.method, request.url, request.headers | headers, request.body)


def _ended(result: Failure | bytes, done: Done, answered: Callable[[bytes], None] | None) -> None:
    if isinstance(result, Failure):
        done(result)
        return
    if answered:
        answered(result)
    done(None)


def _request(destination: Any, connection: Any, delivery: TargetDelivery, message: str) -> HttpRequest:
    """Build the request. Parameters of the connection override those of the target.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_HttpParameters.html
    """

    def values(name: str) -> dict[str, str]:
        return {key: _resolve(value, delivery) for key, value in (of_target.get(name) or {}).items()}

    of_target = delivery.target.get("HttpParameters") or {}
    of_connection = connections.HttpParameters((connection.auth_parameters or {}).get("InvocationHttpParameters"))
    url = destination.invocation_endpoint
    for value in of_target.get("PathParameterValues") or []:
        url = url.replace("*", quote(_resolve(value, delivery), safe=""), 1)
    return HttpRequest(
        method=destination.http_method,
        url=connections.add_query(url, values("QueryStringParameters") | of_connection.query),
        headers=_HEADERS | values("HeaderParameters") | of_connection.headers,
        body=_add_to_body(message, of_connection.body).encode(),
    )


def _resolve(value: str, delivery: TargetDelivery) -> str:
    """Return a parameter's value; a JSONPath is replaced with its value in the event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#dynamic-path-parameters
    """
    if not value.startswith("$."):
        return value
    found = find(delivery.envelope, value)
    return "" if found is MISSING else found if isinstance(found, str) else compact(found)


def _add_to_body(message: str, parameters: Mapping[str, Any]) -> str:
    if not parameters:
        return message
    try:
        content = json.loads(message)
    except ValueError:
        return message  # plain text cannot hold parameters
    return compact({**content, **parameters}) if isinstance(content, dict) else message


def _failure(response: HttpResponse, *, oauth: bool) -> Failure | None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html#eb-api-destination-error-codes."""
    status = response.status
    if status in _OK:
        return None
    if status == _THROTTLED:
        code = "THROTTLING"
    elif status in _SERVER_ERRORS or (oauth and status in _UNAUTHORIZED):
        code = "ERROR_FROM_TARGET"
    else:
        code = "SDK_CLIENT_ERROR"
    after = _retry_after(response)
    retriable = code != "SDK_CLIENT_ERROR" and after >= 0
    return Failure(code, f"{_UNABLE}: it returned {status}.", retriable=retriable, after=max(0.0, after))


def _retry_after(response: HttpResponse) -> float:
    try:
        return float(response.headers.get("retry-after", 0))
    except ValueError:
        return 0.0  # a date; AWS documents seconds only
