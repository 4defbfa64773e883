"""Operations of REST APIs, known by method, path, query and headers from botocore's own models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from millrace.local.core.errors import UnsupportedPolicyError

_MODELS = {"execute-api": ("apigatewaymanagementapi",), "apigateway": ("apigatewayv2", "apigateway")}
"""The models of a service whose signature has another name than botocore's folder."""
_PLACE = re.compile(r"\\\{(\w+)(\\\+)?\\\}")


@dataclass(frozen=True)
class Route:
    """How the requests of one operation look."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str], ...]
    """Names and values; an empty value stands for any."""
    headers: tuple[str, ...]
    names: Mapping[str, str]
    """Parameters by their names in path and query."""
    has_json: bool

    @property
    def weight(self) -> tuple[int, int, str]:
        """What is asked of more closely goes first; of two alike, the longer name, as it is the newer."""
        return len(self.query) + len(self.headers), -self.path.groups, f"{len(self.operation):03}"


class Router:
    """The routes of one service."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes: dict[str, list[Route]] = {}
        for route in sorted(routes, key=lambda route: route.weight, reverse=True):
            self._routes.setdefault(route.method, []).append(route)

    @classmethod
    def of(cls, service: str) -> "Router":
        """The routes of a service, by the name that its signatures have. Raises CannotJudge if there is no model."""
        from botocore.exceptions import UnknownServiceError  # noqa: PLC0415 - botocore is slow to import
        from botocore.session import get_session  # noqa: PLC0415 - the same

        routes: list[Route] = []
        for name in _MODELS.get(service, (service,)):
            try:
                model: Any = get_session().get_service_model(name)
            except UnknownServiceError as error:
                raise UnsupportedPolicyError(f"botocore has no model of the service {service}.") from error
            routes += [_route(model.operation_model(operation)) for operation in model.operation_names]
        return cls(routes)

    def match(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> tuple[Route, dict[str, Any]] | None:
        """The operation of a request, and its parameters in path and query."""
        given = dict(parse_qsl(query, keep_blank_values=True))
        for route in self._routes.get(method, ()):
            found = route.path.fullmatch(path)
            if found and _fits(route, given, headers):
                told = found.groupdict() | given
                return route, {name: told[there] for there, name in route.names.items() if there in told}
        return None


def _fits(route: Route, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    return all(name in query and value in ("", query[name]) for name, value in route.query) and all(
        name in headers for name in route.headers
    )


def _route(operation: Any) -> Route:
    path, _, query = operation.http["requestUri"].partition("?")
    shape = operation.input_shape
    members = shape.members if shape else {}
    required = {name: members[name] for name in (shape.required_members if shape else ())}
    wanted = dict(parse_qsl(query, keep_blank_values=True)) | dict.fromkeys(_located(required, "querystring"), "")
    return Route(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(_PLACE.sub(_group, re.escape(path.rstrip("/"))) + "/?", re.DOTALL),
        query=tuple(wanted.items()),
        headers=tuple(name.lower() for name in _located(required, "header")),
        names=_located(members, "querystring") | _located(members, "uri"),
        has_json="rest-json" in operation.metadata["protocol"] and not (shape and shape.serialization.get("payload")),
    )


def _located(members: Mapping[str, Any], place: str) -> dict[str, str]:
    """Names in a place of the request, and the parameters that they are."""
    return {
        shape.serialization["name"]: name
        for name, shape in members.items()
        if shape.serialization.get("location") == place
    }


def _group(found: re.Match[str]) -> str:
    """A place in a path: one segment, or the whole rest of it."""
    return f"(?P<{found[1]}>.+?)" if found[2] else f"(?P<{found[1]}>[^/]+)"
