"""The events of a project, by source and detail-type."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from millrace.events.envelope import Envelope, decode
from millrace.events.event import Event


class UnknownEventError(LookupError):
    """The project has no contract for the event."""


class DuplicateEventError(ValueError):
    """Two classes have the same source and detail-type."""


class Catalog:
    """The event classes of a project, for example from `Catalog.load("functions.contracts")`."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        self._events: dict[tuple[str, str], type[Event]] = {}
        for event in events:
            key = (event.contract.source, event.contract.detail_type)
            if self._events.setdefault(key, event) is not event:
                locations = f"{_location(self._events[key])} and {_location(event)}"
                raise DuplicateEventError(f"{locations} both define {key[0]}:{key[1]}: rename one of them.")

    @classmethod
    def load(cls, package: str) -> "Catalog":
        """The event classes that a package and its modules define."""
        return cls(event for module in _modules(package) for event in _defined_in(module))

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._events.values())

    def __len__(self) -> int:
        return len(self._events)

    def named(self, name: str) -> type[Event]:
        """The class with a detail-type, or with source and detail-type: 'shop.loyalty:PointsAwarded'."""
        source, _, detail_type = name.rpartition(":")
        found = [e for (s, d), e in self._events.items() if d == detail_type and source in ("", s)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownEventError(
                f"{name} is ambiguous: use " + " or ".join(f"{e.contract.source}:{name}" for e in found)
            )
        raise UnknownEventError(
            f"No event is called {name}. The project has: {', '.join(sorted(d for _, d in self._events))}."
        )

    def of(self, envelope: Mapping[str, Any]) -> type[Event] | None:
        """The class of the event in an envelope; None without a contract."""
        source, detail_type = envelope.get("source"), envelope.get("detail-type")
        if isinstance(source, str) and isinstance(detail_type, str):
            return self._events.get((source, detail_type))
        return None

    def decode(self, envelope: Envelope) -> Event:
        """The event in an envelope."""
        event = self.of(envelope)
        if event is None:
            name, source = envelope.get("detail-type", ""), envelope.get("source", "")
            raise UnknownEventError(f"The project has no contract for {name!r} from {source!r}.")
        return decode(envelope, event)


def _location(event: type[Event]) -> str:
    """The file and line of a class, or its module."""
    try:
        _, line = inspect.getsourcelines(event)
    except (OSError, TypeError):
        return f"{event.__module__}.{event.__qualname__}"
    return f"{event.__module__.replace('.', '/')}.py:{line} ({event.__qualname__})"


def _modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", []), f"{package}."):
        yield importlib.import_module(info.name)


def _defined_in(module: ModuleType) -> Iterator[type[Event]]:
    for _, member in inspect.getmembers(module, inspect.isclass):
        if issubclass(member, Event) and member.__module__ == module.__name__ and hasattr(member, "contract"):
            yield member
