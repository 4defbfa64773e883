"""Find the operation of a REST API request by method, path, query and headers, using botocore's models."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl

from millrace.local.core.botocore_models import models
from millrace.local.core.errors import UnsupportedPolicyError

_MODELS = {"execute-api": ("apigatewaymanagementapi",), "apigateway": ("apigatewayv2", "apigateway")}
"""botocore's model names of services with another signing name."""
_PARAMETER = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


@dataclass(frozen=True)
class Route:
    """The route of one operation."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str], ...]
    """Names and values. An empty value matches any."""
    headers: tuple[str, ...]
    names: Mapping[str, str]
    """Parameters of the operation by their names in path and query."""
    elsewhere: frozenset[str]
    """Names of parameters that are in the path or the body."""
    body: frozenset[str]
    """Names of parameters in a JSON body."""

    @property
    def weight(self) -> tuple[int, int, str]:
        """Sort key: the most specific route comes first, and of equal routes the longer (newer) operation name."""
        return len(self.query) + len(self.headers), -self.path.groups, f"{len(self.operation):03}"


class Router:
    """The routes of one service. `operations` has the method, the path up to a parameter and the route of each."""

    def __init__(self, operations: Iterable[tuple[str, str, Callable[[], Route]]]) -> None:
        self._operations: dict[str, list[tuple[str, Callable[[], Route]]]] = {}
        for method, start, route in operations:
            self._operations.setdefault(method, []).append((start, route))

    @classmethod
    def of(cls, service: str) -> "Router":
        """Return the routes of a service by signing name. Raises UnsupportedPolicyError if botocore has no model."""
        from botocore.exceptions import UnknownServiceError

        try:
            return cls(each for name in _MODELS.get(service, (service,)) for each in _operations(name))
        except UnknownServiceError as error:
            raise UnsupportedPolicyError(f"botocore has no model of the service {service}.") from error

    def match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[Route, dict[str, Any]] | None:
        """Return the route of a request, and its parameters in path and query; None if there is no route.

        Raises UnsupportedPolicyError for a parameter of the path or the body in the query string: moto may read it.
        """
        given = dict(parse_qsl(query, keep_blank_values=True))
        possible = (route() for start, route in self._operations.get(method, ()) if path.startswith(start))
        for route in sorted(possible, key=lambda route: route.weight, reverse=True):
            found = route.path.fullmatch(path)
            if found and _matches(route, given, headers):
                if misplaced := sorted(route.elsewhere & given.keys()):
                    raise UnsupportedPolicyError(f"{route.operation} has no {misplaced[0]} in its query string.")
                values = given | found.groupdict()
                return route, {name: values[key] for key, name in route.names.items() if key in values}
        return None


def _operations(name: str) -> Iterator[tuple[str, str, Callable[[], Route]]]:
    """Yield the operations of a model. A route takes a regular expression, and a request needs few of them."""
    from botocore.model import ServiceModel

    description = models().load_service_model(name, "service-2")
    model = ServiceModel(description, name)
    for operation, declared in description["operations"].items():
        start = _uri(declared["http"])[0].partition("{")[0].rstrip("/")
        yield declared["http"]["method"], start, cache(partial(_route, model, operation))


def _uri(http: Mapping[str, str]) -> tuple[str, str]:
    """Return path and query of an operation. Clients of S3 remove the bucket from the path in the shared model."""
    path, _, query = http["requestUri"].partition("?")
    return http.get("authPath", path), query


def _matches(route: Route, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    return all(name in query and value in ("", query[name]) for name, value in route.query) and all(
        name in headers for name in route.headers
    )


def _route(model: Any, name: str) -> Route:
    operation = model.operation_model(name)
    path, query = _uri(operation.http)
    shape = operation.input_shape
    members = shape.members if shape else {}
    required = {name: members[name] for name in (shape.required_members if shape else ())}
    fixed = dict(parse_qsl(query, keep_blank_values=True)) | dict.fromkeys(_located(required, "querystring"), "")
    return Route(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(_PARAMETER.sub(_group, re.escape(path.rstrip("/"))) + "/?", re.DOTALL),
        query=tuple(fixed.items()),
        headers=tuple(name.lower() for name in _located(required, "header")),
        names=_located(members, "querystring") | _located(members, "uri"),
        elsewhere=frozenset({*members, *_located(members, "uri")} - _located(members, "querystring").keys()),
        body=frozenset(_in_json(operation)),
    )


def _in_json(operation: Any) -> list[str]:
    shape = operation.input_shape
    if not shape or "rest-json" not in operation.metadata["protocol"] or shape.serialization.get("payload"):
        return []
    members = {name: each.serialization for name, each in shape.members.items()}
    return [found.get("name", name) for name, found in members.items() if "location" not in found]


def _located(members: Mapping[str, Any], location: str) -> dict[str, str]:
    """Return the parameters in one location of the request, by their names there."""
    return {
        shape.serialization.get("name", name): name
        for name, shape in members.items()
        if shape.serialization.get("location") == location
    }


def _group(found: re.Match[str]) -> str:
    """Return the pattern of a path parameter: one segment, or the rest of the path."""
    return f"(?P<{found[1]}>.+?)" if found[2] else f"(?P<{found[1]}>[^/]+)"
