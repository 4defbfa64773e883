"""Whether today's contracts get on with the deployed ones: which change breaks which consumer, and which breaks none.

Two things can break. Backward: an event that was published before (under way, in a dead-letter queue, an archive or an
event store) meets the new code. Forward: an event of the new code meets a consumer that is still the old one. A
consumer is held to break where it reads the field; a change of a field that nobody reads is a note. Only a field that
is new and must be there breaks every consumer: none can take an event without it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from millrace.events import Event
from millrace.flow.dialects import Schema
from millrace.flow.reads import FieldPath, Reads, covers
from millrace.flow.schemas import Form, registry_schema
from millrace.flow.shape import Field, Shape, shape_of

Direction = Literal["backward", "forward"]
Documents = Mapping[str, Schema]
"""What a registry keeps, by the names of its schemas."""
_DEFAULT = "give it a default"


class UnsupportedSchemaError(ValueError):
    """A schema under the name of an event that is not laid out as Millrace's are."""


@dataclass(frozen=True)
class Consumer:
    """A function that takes an event, and what it reads of it; `others` are the fields of all events that it takes."""

    name: str
    reads: Reads
    others: frozenset[str] = frozenset()

    def reading(self, path: FieldPath, known: set[FieldPath]) -> str | None:
        """Where it reads a field, or None. What is no field, as a method's name, stands for all that it may look at."""
        for read, place in self.reads.items():
            if not self._is_of_another(read, known) and covers(_known(read, known), path):
                return place
        return None

    def _is_of_another(self, read: FieldPath, known: set[FieldPath]) -> bool:
        """Whether it is the metadata that is read, or a field that only another event has."""
        return read[:1] == ("metadata",) or (read[:1] not in known and read[:1] != () and read[0] in self.others)


@dataclass(frozen=True)
class Change:
    """One difference between the deployed contract of an event and today's."""

    event: str
    field: str
    what: str
    directions: tuple[Direction, ...]
    broken: tuple[tuple[str, str], ...]
    """Each consumer that it breaks, and where that reads the field."""
    mend: str

    @property
    def breaks(self) -> bool:
        """Whether it breaks a consumer; a change that breaks none is a note."""
        return bool(self.broken)


def compare(
    deployed: Documents, today: Mapping[str, type[Event]], consumers: Mapping[str, list[Consumer]]
) -> list[Change]:
    """The changes of all deployed events. `today` and `consumers` are by the names of the schemas."""
    return [
        change
        for name, document in sorted(deployed.items())
        for change in (_changes(document, today[name], consumers.get(name, [])) if name in today else [_gone(name)])
    ]


def _changes(document: Schema, event: type[Event], consumers: list[Consumer]) -> list[Change]:
    form: Form = "OpenApi3" if "openapi" in document else "JSONSchemaDraft4"
    try:
        version, old = int(document.get("info", document)["version"].partition(".")[0]), shape_of(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedSchemaError(
            f"The schema of {event.__name__} is none that Millrace wrote ({error!r}): take it out of the registry, or "
            f"deploy the project again."
        ) from error
    if version != event.contract.version:
        return _new_version(event, version, consumers)
    return list(_Comparison(event, old, shape_of(registry_schema(event, form)), consumers).changes())


def _gone(name: str) -> Change:
    return Change(name.partition("@")[2], "", "is gone: nothing here says or takes it any more", ("backward",), (), "")


def _new_version(event: type[Event], version: int, consumers: list[Consumer]) -> list[Change]:
    """A new version is read by way of its upcasters; without one, no old event can be."""
    contract = event.contract
    missing = [step for step in range(version, contract.version) if step not in contract.upcasters]
    if version < contract.version and not missing:
        what = f"version {version} is now {contract.version}, and its upcasters lead up to it"
        return [Change(event.__name__, "", what, ("forward",), (), "deploy its consumers no later than its producer")]
    mend = (
        f"write @{event.__name__}.upcaster(from_version={missing[0]})" if missing else f"raise it to {version} or above"
    )
    what = f"version {version} is now {contract.version}" + (f", with no upcaster from {missing[0]}" if missing else "")
    broken = tuple((name, "") for name in sorted(consumer.name for consumer in consumers))
    return [Change(event.__name__, "", what, ("backward",), broken, mend)]


@dataclass(frozen=True)
class _Comparison:
    event: type[Event]
    old: Shape
    new: Shape
    consumers: list[Consumer]

    def changes(self) -> Iterator[Change]:
        gone = [path for path in self.old if path not in self.new and not self._below(path, self.old, self.new)]
        come = [path for path in self.new if path not in self.old and not self._below(path, self.new, self.old)]
        for path in gone:
            renamed = self._renamed(path, come)
            if renamed:
                come.remove(renamed)
            yield self._renaming(path, renamed) if renamed else self._removal(path)
        for path in come:
            if self.new[path].required:
                yield self._demand(path, "is new and must be there")
        for path in [path for path in self.old if path in self.new]:
            yield from self._change(path, self.old[path], self.new[path])

    def _below(self, path: FieldPath, here: Shape, there: Shape) -> bool:
        """Whether a field lies below one that has gone, or come, as a whole."""
        return any(path[:length] in here and path[:length] not in there for length in range(1, len(path)))

    def _renamed(self, path: FieldPath, come: list[FieldPath]) -> FieldPath | None:
        """The new field that takes the old one's place: beside it, and the only one that is as it was."""
        alike = [other for other in come if other[:-1] == path[:-1] and self._alike(path, other)]
        return alike[0] if len(alike) == 1 else None

    def _alike(self, path: FieldPath, other: FieldPath) -> bool:
        below = {p[len(path) :]: field for p, field in self.old.items() if p[: len(path)] == path}
        return below == {p[len(other) :]: field for p, field in self.new.items() if p[: len(other)] == other}

    def _renaming(self, path: FieldPath, name: FieldPath) -> Change:
        return self._made(
            path,
            f"is now called {name[-1]}",
            ("backward", "forward"),
            {**self._readers(path), **self._readers(name)},
            f"keep the name, or raise the version, with an upcaster that moves {path[-1]} to {name[-1]}",
        )

    def _removal(self, path: FieldPath) -> Change:
        mend = "keep it, or raise the version, with an upcaster, once no consumer reads it"
        return self._made(path, "is gone", ("forward",), self._readers(path), mend)

    def _demand(self, path: FieldPath, what: str) -> Change:
        everyone = {c.name: c.reading(path, self._known) or "takes no event without it" for c in self.consumers}
        return self._made(path, what, ("backward",), everyone, f"{_DEFAULT}, or raise the version, with an upcaster")

    def _change(self, path: FieldPath, old: Field, new: Field) -> Iterator[Change]:
        if new.required and not old.required:
            mend = f"{_DEFAULT}, or raise the version, with an upcaster"
            yield self._made(path, "must be there now", ("backward",), self._readers(path), mend)
        if not new.holds(old):
            what = f"takes less: {old} was let through, {new} is now"
            mend = "raise the version, with an upcaster for what no longer fits"
            yield self._made(path, what, ("backward",), self._readers(path), mend)
        if not old.holds(new):
            what = f"may hold more: {old} was known, {new} may come"
            mend = "deploy the consumers that know it before the producer that says it, or raise the version"
            yield self._made(path, what, ("forward",), self._readers(path), mend)

    def _readers(self, path: FieldPath) -> dict[str, str]:
        found = ((consumer.name, consumer.reading(path, self._known)) for consumer in self.consumers)
        return {name: place for name, place in found if place}

    @property
    def _known(self) -> set[FieldPath]:
        return {*self.old, *self.new}

    def _made(
        self, path: FieldPath, what: str, directions: tuple[Direction, ...], broken: Mapping[str, str], mend: str
    ) -> Change:
        field = ".".join(path).replace(".[]", "[]")
        return Change(self.event.__name__, field, what, directions, tuple(sorted(broken.items())), mend)


def _known(read: FieldPath, known: set[FieldPath]) -> FieldPath:
    """A read as far as it names fields; past them, a look at the value itself says nothing of its parts."""
    named = read
    while named and named not in known:
        named = named[:-1]
    return read if read[-1:] == ("#",) and read[:-1] == named else named
