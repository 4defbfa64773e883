"""Calls of the JSON protocol that skip the HTTP layers of botocore, which take half the time of a call.

Parameters are validated, serialized and parsed by botocore as always. A call that does not succeed at once goes through
the layers after all, so that retries, errors and handlers of events are those of botocore.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.client import BaseClient
from botocore.hooks import EventAliaser
from botocore.parsers import create_parser

from millrace.local.core.http import Request, Response
from millrace.local.simulation.surroundings import Answered, Recorded
from millrace.local.simulation.tasks import current_task

_SKIPPED = ("request-created", "before-sign", "before-send", "response-received", "before-parse")
"""The events of botocore that a direct call does not emit. botocore's own handlers sign, retry and count."""
_KNOWN = ("botocore.", "moto.core.botocore_stubber", "aws_lambda_powertools.shared.user_agent")
"""Modules whose listeners do nothing that a direct call needs: moto acts within `mock_aws` only."""
_ENDPOINT = "_millrace_endpoint"
RECORDED = "_millrace_recorded"
"""Attributes of clients."""


@dataclass(frozen=True)
class Received:
    """The response to a direct call, as far as botocore's client reads it."""

    status_code: int
    headers: Mapping[str, str]


class Direct:
    """Replacements for methods of botocore.

    `begin` makes the first attempt of a call, and returns its response; None if it does not succeed.
    """

    def __init__(self, begin: Callable[[Request], Response | None]) -> None:
        self._begin = begin
        self._parser: Any = create_parser("json")
        self._call: Any = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001
        self._make: Any = BaseClient._make_request  # type: ignore[attr-defined] # noqa: SLF001 - botocore's
        self._resolve: Any = BaseClient._resolve_endpoint_ruleset  # type: ignore[attr-defined] # noqa: SLF001
        self._alias: Any = EventAliaser._alias_event_name  # type: ignore[attr-defined] # noqa: SLF001
        self._names: dict[str, str] = {}
        self._params: Any = None
        self.recording = False

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Make direct calls where possible."""
        replaced: tuple[tuple[type, str, Callable[..., Any]], ...] = (
            (BaseClient, "_make_api_call", self._make_api_call),
            (BaseClient, "_make_request", self._make_request),
            (BaseClient, "_resolve_endpoint_ruleset", self._endpoint),
            (EventAliaser, "_alias_event_name", self._alias_event_name),
        )
        with ExitStack() as stack:
            for owner, name, replacement in replaced:
                stack.enter_context(patch.object(owner, name, _method(replacement)))
            yield

    def _make_api_call(self, client: Any, operation: str, params: Any) -> Any:
        self._params = params
        return self._call(client, operation, params)

    def _make_request(self, client: Any, model: Any, request: Any, context: Any) -> Any:
        params = self._params
        direct = _is_json(client) and _has_no_listeners(client, model)
        response = self._begin(_request(client, request)) if direct else None
        if response is None:
            return self._make(client, model, request, context)
        if self.recording:
            self._record(client, model.name, params, response)
        return self._parsed(model, response)

    @staticmethod
    def _record(client: Any, operation: str, params: Any, response: Response) -> None:
        calls: Recorded = vars(client).get(RECORDED, {})
        if operation not in calls:
            with suppress(TypeError, AttributeError, pickle.PicklingError):  # a file, which cannot be sent twice
                calls[operation] = Answered(pickle.dumps(params), response)

    def _parsed(self, model: Any, response: Response) -> tuple[Received, Any]:
        headers = {name.lower(): value for name, value in response.headers}
        received = {"headers": headers, "body": response.body, "status_code": response.status, "context": {}}
        parsed = self._parser.parse(received, model.output_shape)
        parsed["ResponseMetadata"]["RetryAttempts"] = 0
        return Received(response.status, headers), parsed

    def replay(self, client: Any, operation: str, answered: Answered) -> None:
        """Repeat a recorded call without effect, so that the client fills its caches."""
        begin, self._begin = self._begin, lambda _: answered.response
        try:
            self._make_api_call(client, operation, pickle.loads(answered.params))  # noqa: S301 - of our own fork
        finally:
            self._begin = begin

    def _endpoint(self, client: Any, model: Any, *arguments: Any, **options: Any) -> Any:
        """Return the endpoint of a call. With an endpoint_url, all operations of a JSON service have the same."""
        known = vars(client).get(_ENDPOINT)
        if known is None:
            known = self._resolve(client, model, *arguments, **options)
            if _is_json(client) and not any(known[1:]):
                setattr(client, _ENDPOINT, known)
        return known

    def _alias_event_name(self, aliaser: Any, name: str) -> str:
        """Return the present name of an event. botocore searches its list of old names for each client."""
        if name not in self._names:
            self._names[name] = self._alias(aliaser, name)
        return self._names[name]


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments, **options: function(*arguments, **options)  # noqa: PLW0108 - a function becomes a method


def _is_json(client: Any) -> bool:
    return (
        client._service_model.resolved_protocol == "json"  # noqa: SLF001 - botocore's
        and client.meta.config.signature_version == "v4"
        and client._request_signer._credentials is not None  # noqa: SLF001 - botocore's
    )


def _has_no_listeners(client: Any, model: Any) -> bool:
    """Return whether only botocore and moto listen to the events that a direct call skips.

    The answer is kept in the emitter's own cache, which it clears at each registration.
    """
    emitter = client.meta.events._emitter  # noqa: SLF001 - botocore's
    cache, key = emitter._lookup_cache, f"millrace.{model.name}"  # noqa: SLF001 - botocore's
    if key not in cache:
        service = model.service_model.service_id.hyphenize()
        found = [emitter._handlers.prefix_search(f"{event}.{service}.{model.name}") for event in _SKIPPED]  # noqa: SLF001
        cache[key] = all(each.__module__.startswith(_KNOWN) for handlers in found for each in handlers)
    return bool(cache[key])


def _request(client: Any, request: Mapping[str, Any]) -> Request:
    """Return the request of a call, with the name of its signer instead of a signature."""
    url, signer = urlsplit(request["url"]), client._request_signer  # noqa: SLF001 - botocore's
    headers = {name.lower(): str(value) for name, value in request["headers"].items()}
    scope = f"{signer._credentials.access_key}/20260101/{signer._region_name}/{signer._signing_name}"  # noqa: SLF001
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}/aws4_request, SignedHeaders=host, Signature=none"
    headers["host"] = url.netloc
    return Request("POST", url.path or "/", "", headers, request["body"], url.path or "/", current_task() is not None)
