"""The events that a project knows, by their names on the bus."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from millrace.events.envelope import Envelope, decode
from millrace.events.event import Event


class UnknownEventError(LookupError):
    """An event that no contract of the project describes."""


class DuplicateEventError(ValueError):
    """Two classes that claim one name on the bus."""


class Catalog:
    """All event classes of a project. `Catalog.load("functions.contracts")` reads them from a package."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        self._events: dict[tuple[str, str], type[Event]] = {}
        for event in events:
            key = (event.contract.source, event.contract.detail_type)
            if self._events.setdefault(key, event) is not event:
                raise DuplicateEventError(
                    f"{event} and {self._events[key]} both stand for {key[1]} of {key[0]}: rename one."
                )

    @classmethod
    def load(cls, package: str) -> "Catalog":
        """Every event class that is defined in a package or in its modules."""
        return cls(event for module in _modules(package) for event in _defined_in(module))

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._events.values())

    def __len__(self) -> int:
        return len(self._events)

    def named(self, name: str) -> type[Event]:
        """The class with this detail-type, which may be written with its source: 'shop.loyalty:PointsAwarded'."""
        source, _, detail_type = name.rpartition(":")
        found = [e for (s, d), e in self._events.items() if d == detail_type and source in ("", s)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownEventError(
                f"{name} is ambiguous: write " + " or ".join(f"{e.contract.source}:{name}" for e in found)
            )
        raise UnknownEventError(
            f"No event is called {name}. The project has: {', '.join(sorted(d for _, d in self._events))}."
        )

    def of(self, envelope: Mapping[str, Any]) -> type[Event] | None:
        """The class of the event in an envelope; None for what no contract has the name of."""
        source, detail_type = envelope.get("source"), envelope.get("detail-type")
        if isinstance(source, str) and isinstance(detail_type, str):
            return self._events.get((source, detail_type))
        return None

    def decode(self, envelope: Envelope) -> Event:
        """The event in an envelope, whichever of the catalog it is."""
        event = self.of(envelope)
        if event is None:
            name, source = envelope.get("detail-type", ""), envelope.get("source", "")
            raise UnknownEventError(f"No contract describes {name!r} from {source!r}.")
        return decode(envelope, event)


def _modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", []), f"{package}."):
        yield importlib.import_module(info.name)


def _defined_in(module: ModuleType) -> Iterator[type[Event]]:
    for _, member in inspect.getmembers(module, inspect.isclass):
        if issubclass(member, Event) and member.__module__ == module.__name__ and hasattr(member, "contract"):
            yield member
