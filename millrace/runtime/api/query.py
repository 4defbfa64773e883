"""@query: a function that handles a GET request from read models.

`@query("/orders/{order_id}")` decorates `def handler(order_id: str, orders: Table) -> Order | None`. The construct
provides tables and read models. Path parameters are read from the path, a `Paging` from `limit` and `cursor`, and all
other parameters from the query string. None is a 404 response. If the returned model has a `version`, a caller can wait
for one with `after`.
"""

import functools
import inspect
import re
import time
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from millrace.events import ContractError
from millrace.runtime import observe
from millrace.runtime.api.http import Problem, Request, Response, respond, response
from millrace.runtime.api.paging import Page, Paging, bad_cursor
from millrace.runtime.declaration import LayerView, Model, SignatureError, models_among, name_of, views_among
from millrace.runtime.layers.views import ServingView, open_view
from millrace.runtime.read_models import ReadModel, open_read_model
from millrace.runtime.stores import Table, open_table

P = ParamSpec("P")
R = TypeVar("R")
MAX_WAIT_SECONDS = 5.0
"""Maximum time for which a request waits for a version."""
_PAUSE_SECONDS = 0.05
_DIGITS = 18
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_RESERVED = frozenset({"after", "limit", "cursor"})


@dataclass(frozen=True)
class QueryDeclaration:
    """The declaration of a query. `parameters` validates path and query string; `paging` is the name of a parameter."""

    name: str
    module: str
    attribute: str
    description: str
    path: str
    parameters: type[BaseModel]
    tables: tuple[str, ...]
    models: tuple[Model, ...]
    views: tuple[LayerView, ...]
    paging: str | None
    returns: type[BaseModel]

    @property
    def in_path(self) -> tuple[str, ...]:
        """The path parameters."""
        return tuple(_PATH_PARAMETER.findall(self.path))

    @property
    def resources(self) -> dict[str, str]:
        """The parameters that the construct provides, each with its type."""
        named = {model.name: "ReadModel" for model in self.models} | {view.name: view.kind for view in self.views}
        return dict.fromkeys(self.tables, "Table") | named

    @property
    def versioned(self) -> bool:
        """Whether the returned model has a version, so that a caller can wait for one."""
        return "version" in self.returns.model_fields

    @classmethod
    def of(cls, function: Callable[..., Any], path: str) -> "QueryDeclaration":
        """Read the annotations of a function. Raises SignatureError with the fix."""
        where = f"{function.__module__}.{function.__qualname__}"
        hints = typing.get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        named = {name: hints.get(name) for name in signature.parameters}
        given_by_construct = (Table, Paging, ServingView)
        provided = {name for name, hint in named.items() if hint in given_by_construct or get_origin(hint) is ReadModel}
        given = {name: hint for name, hint in named.items() if name not in provided}
        _check(where, path, given)
        fields: dict[str, Any] = {
            name: (hint, ... if (default := signature.parameters[name].default) is inspect.Parameter.empty else default)
            for name, hint in given.items()
        }
        return cls(
            name=name_of(function),
            module=function.__module__,
            attribute=function.__qualname__,
            description=inspect.getdoc(function) or "",
            path=path,
            parameters=create_model(f"{name_of(function)} query", __config__=ConfigDict(extra="forbid"), **fields),
            tables=tuple(name for name, hint in named.items() if hint is Table),
            models=models_among(named),
            views=views_among(named),
            paging=next((name for name, hint in named.items() if hint is Paging), None),
            returns=_returned(where, hints.get("return")),
        )


def _check(where: str, path: str, given: Mapping[str, Any]) -> None:
    if not path.startswith("/"):
        raise SignatureError(
            f'{where} has the path {path!r}: write one that starts with /, as @query("/orders/{{order_id}}").'
        )
    for name, hint in given.items():
        if hint is None or name in _RESERVED:
            raise SignatureError(f"{where}: the parameter {name!r} has no annotation, or its name is reserved.")
    for name in _PATH_PARAMETER.findall(path):
        if name not in given:
            raise SignatureError(f"{where} has no parameter {name!r}, which is in its path {path}: add '{name}: str'.")


def _returned(where: str, hint: Any) -> type[BaseModel]:
    options = get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    models = [option for option in options if isinstance(option, type) and issubclass(option, BaseModel)]
    if len(models) != 1 or set(options) - set(models) - {type(None)}:
        raise SignatureError(f"{where} returns {hint}: write a pydantic model, a Page of one, or either '| None'.")
    return models[0]


class Query(Generic[P, R]):
    """A declared query. Invoked by Lambda it handles an HTTP request; called otherwise it is the function itself."""

    def __init__(self, function: Callable[P, R], path: str) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration = QueryDeclaration.of(function, path)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Handle the request if the first argument is an event of API Gateway, else call the function."""
        if args and isinstance(args[0], dict) and "requestContext" in args[0]:
            return cast("R", respond(args[0], self.respond))
        return self.function(*args, **kwargs)

    def respond(self, request: Request) -> Response:
        """Return the response to a request. Raises Problem."""
        parameters = self._parameters(request)
        paging = {self.declaration.paging: Paging.of(request.query)} if self.declaration.paging else {}
        tables = {name: open_table(name) for name in self.declaration.tables}
        models = {model.name: open_read_model(model.name, model.view) for model in self.declaration.models}
        views = {view.name: open_view(view.name, view.kind) for view in self.declaration.views}
        after = _version(request.query) if self.declaration.versioned else 0
        found = self._wait_for(request, after, {**parameters, **paging, **tables, **models, **views})
        return response(200, found.model_dump_json())

    def _parameters(self, request: Request) -> dict[str, Any]:
        reserved = {"limit", "cursor"} if self.declaration.paging else set()
        reserved |= {"after"} if self.declaration.versioned else set()
        given = {name: value for name, value in request.query.items() if name not in reserved} | dict(request.path)
        try:
            parameters = self.declaration.parameters.model_validate(given)
        except ValidationError as error:
            raise Problem.of(ContractError.of(self.declaration.name, error), 400) from error
        return {name: getattr(parameters, name) for name in self.declaration.parameters.model_fields}

    def _wait_for(self, request: Request, after: int, arguments: dict[str, Any]) -> BaseModel:
        """Call the function until its result has the version `after`. Raises Problem."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            found = self._run(request, arguments)
            version = getattr(found, "version", 0) if found else 0
            if version >= after and found is not None:
                return found
            if not after:
                parameters = ", ".join(f"{name} {value}" for name, value in request.path.items())
                raise Problem(404, f"{self.declaration.name} has no result for {parameters or 'this request'}.")
            if time.monotonic() >= deadline:
                reason = f"is at version {version} after {MAX_WAIT_SECONDS:g} s"
                raise Problem(
                    409, f"after = {after}: the read model {reason}. Retry later.", [("after", after, reason)]
                )
            time.sleep(_PAUSE_SECONDS)

    def _run(self, request: Request, arguments: dict[str, Any]) -> BaseModel | None:
        try:
            return cast("BaseModel | None", observe.traced(self.function)(**arguments))
        except Exception as error:
            error_response = getattr(error, "response", {})  # botocore's ClientError
            if "cursor" in request.query and error_response.get("Error", {}).get("Code") == "ValidationException":
                raise bad_cursor(request.query["cursor"]) from error
            raise


def _version(query: Mapping[str, str]) -> int:
    after = query.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= _DIGITS):
        reason = "should be a version, a whole number"
        raise Problem(400, f"after = {after!r} {reason}.", [("after", after, reason)])
    return int(after)


def query(path: str) -> Callable[[Callable[P, R]], Query[P, R]]:
    """Declare a query with its path. Its annotations define its parameters, read models and response."""
    return lambda function: Query(function, path)


__all__ = ["Page", "Query", "QueryDeclaration", "query"]
