"""Declarations: the events, tables and stores of a handler, read from its signature."""

import collections.abc
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args, get_origin

from millrace.events import Event, Refusal
from millrace.runtime.breaker import Breaker, breaker_of
from millrace.runtime.callbacks import Expected, expected_among, is_callback
from millrace.runtime.event_store import EventStore, events_of
from millrace.runtime.layers.views import ServingView, SpeedView
from millrace.runtime.read_models import ReadModel
from millrace.runtime.signatures import SignatureError, events_among, hints_of, options
from millrace.runtime.stores import Table

__all__ = ["Declaration", "Input", "SignatureError", "Store"]

_MANY: tuple[Any, ...] = (list, tuple, collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator)


@dataclass(frozen=True)
class Input:
    """A parameter that takes one of `events`, a list of them, or None if the flow has none."""

    name: str
    events: tuple[type[Event], ...]
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Store:
    """A parameter that takes the event store of an aggregate."""

    name: str
    aggregate: type[Any]

    @property
    def events(self) -> tuple[type[Event], ...]:
        """The events that can be appended to it."""
        return events_of(self.aggregate)


@dataclass(frozen=True)
class Model:
    """A parameter that takes the read model of a view."""

    name: str
    view: type[Any]


@dataclass(frozen=True)
class LayerView:
    """A parameter that takes a speed view or a serving view; `kind` is the name of its type."""

    name: str
    kind: str


@dataclass(frozen=True)
class Declaration:
    """The declaration of a handler. `name` is the folder of its module, and the producer of its events.

    A handler handles each event once, identified by its id or by the field `once_per`, unless it is `repeatable`, for
    the reason given.
    """

    name: str
    module: str
    attribute: str
    inputs: tuple[Input, ...]
    publishes: tuple[type[Event], ...]
    tables: tuple[str, ...]
    breaker: Breaker | None = None
    once_per: str | None = None
    repeatable: str | None = None
    stores: tuple[Store, ...] = ()
    models: tuple[Model, ...] = ()
    callback: Expected | None = None
    views: tuple[LayerView, ...] = ()

    @property
    def returns(self) -> tuple[type[Event], ...]:
        """The published events that the function returns, without the answers to its callback."""
        answered = self.callback.events if self.callback else ()
        return tuple(event for event in self.publishes if event not in answered)

    @property
    def consumes(self) -> tuple[type[Event], ...]:
        """The events that the parameters take, each once."""
        return tuple(dict.fromkeys(event for taken in self.inputs for event in taken.events))

    @property
    def appends(self) -> tuple[type[Event], ...]:
        """The events that can be appended to its stores, each once."""
        return tuple(dict.fromkeys(event for store in self.stores for event in store.events))

    @property
    def resources(self) -> dict[str, str]:
        """The parameters that take tables, event stores, read models and views, each with its type."""
        named = {store.name: "EventStore" for store in self.stores} | {model.name: "ReadModel" for model in self.models}
        return dict.fromkeys(self.tables, "Table") | named | {view.name: view.kind for view in self.views}

    @property
    def successes(self) -> tuple[type[Event], ...]:
        """The published events that are not refusals."""
        return tuple(event for event in self.publishes if not issubclass(event, Refusal))

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        once_per: str | None = None,
        repeatable: str | None = None,
        timeout: timedelta | None = None,
    ) -> "Declaration":
        """Read the annotations of a function. Raises SignatureError with the fix."""
        where = f"{function.__module__}.{function.__qualname__}"
        hints = hints_of(function, where)
        if "return" not in hints:
            raise SignatureError(f"{where} has no return annotation: write -> AnEvent, or -> None.")
        named = _parameters(function, hints, where)
        inputs = tuple(_input(name, hint, where) for name, hint in named.items() if not _is_provided(hint))
        if not inputs:
            raise SignatureError(f"{where} takes no event: add a parameter, as in handler(order: OrderPlaced).")
        _check_once(inputs, where, once_per, repeatable)
        callback = expected_among(named, timeout, where)
        return cls(
            name=name_of(function),
            module=function.__module__,
            attribute=function.__qualname__,
            inputs=inputs,
            publishes=_all_published(tuple(_published(hints["return"], where)), callback, where),
            callback=callback,
            tables=tuple(name for name, hint in named.items() if hint is Table),
            stores=tuple(
                Store(name, get_args(hint)[0]) for name, hint in named.items() if get_origin(hint) is EventStore
            ),
            models=models_among(named),
            views=_views(named, where, repeatable),
            breaker=breaker_of(function),
            once_per=once_per,
            repeatable=repeatable,
        )


def _check_once(inputs: tuple[Input, ...], where: str, once_per: str | None, repeatable: str | None) -> None:
    if repeatable is not None and (once_per or not repeatable.strip()):
        raise SignatureError(f"{where}: write repeatable='why it is safe to run twice', without once_per.")
    for event in (event for taken in inputs for event in taken.events if once_per):
        if once_per not in event.model_fields:
            raise SignatureError(
                f"{where} has once_per={once_per!r}, but {event.__name__} has no such field, "
                f"only {', '.join(event.model_fields)}: name a field that all its events have."
            )


def name_of(function: Callable[..., Any]) -> str:
    """Return the folder of a module called `handler`, else the name of the function."""
    package, _, module = function.__module__.rpartition(".")
    return package.rpartition(".")[2] if module == "handler" and package else function.__name__


def _parameters(function: Callable[..., Any], hints: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the parameters with their annotations."""
    names = list(inspect.signature(function).parameters)
    for name in names:
        if name not in hints:
            raise SignatureError(f"{where}: the parameter {name!r} has no annotation: write {name}: AnEvent.")
    return {name: hints[name] for name in names}


def _is_provided(hint: Any) -> bool:
    """Whether the construct provides a parameter, so that it is not an event."""
    return hint in (Table, SpeedView, ServingView) or get_origin(hint) in (EventStore, ReadModel) or is_callback(hint)


def models_among(named: Mapping[str, Any]) -> tuple[Model, ...]:
    """Return the parameters that take read models."""
    return tuple(Model(name, get_args(hint)[0]) for name, hint in named.items() if get_origin(hint) is ReadModel)


def views_among(named: Mapping[str, Any]) -> tuple[LayerView, ...]:
    """Return the parameters that take speed views and serving views."""
    return tuple(LayerView(name, hint.__name__) for name, hint in named.items() if hint in (SpeedView, ServingView))


def _views(named: Mapping[str, Any], where: str, repeatable: str | None) -> tuple[LayerView, ...]:
    found = views_among(named)
    if repeatable and any(view.kind == SpeedView.__name__ for view in found):
        raise SignatureError(
            f"{where} is repeatable and takes a SpeedView, which must not record an event twice at the same time: "
            f"remove repeatable=…."
        )
    return found


def _input(name: str, hint: Any, where: str) -> Input:
    many = get_origin(hint) is list
    events, rest = events_among(get_args(hint)[0] if many else hint)
    if not events or any(other is not type(None) for other in rest):
        raise SignatureError(
            f"{where}: the parameter {name!r} is a {hint}. Write an Event with a source, a union or a list of them, a "
            f"Table, an EventStore of an aggregate, a ReadModel of a view, a SpeedView, a ServingView, or, in a step, "
            f"a Callback of its answers."
        )
    return Input(name, tuple(events), many=many, optional=bool(rest))


def _all_published(returned: tuple[type[Event], ...], callback: Expected | None, where: str) -> tuple[type[Event], ...]:
    answered = callback.events if callback else ()
    for event in returned:
        if event in answered:
            raise SignatureError(
                f"{where} returns {event.__name__} and waits for it: remove it from the return type or the Callback."
            )
    return tuple(dict.fromkeys([*returned, *answered]))


def published_events(hint: Any, where: str) -> tuple[type[Event], ...]:
    """Return the events of a return annotation, each once."""
    return tuple(dict.fromkeys(_published(hint, where)))


def _published(hint: Any, where: str) -> Iterator[type[Event]]:
    for option in options(hint):
        inner = get_args(option)[0] if get_origin(option) in _MANY else option
        events, rest = events_among(inner)
        if any(other is not type(None) for other in rest):
            raise SignatureError(
                f"{where} returns {option}: write an Event with a source, a union, a list or an iterator of them, or "
                f"None."
            )
        yield from events
