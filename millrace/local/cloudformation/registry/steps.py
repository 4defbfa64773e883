"""The ways in which properties are set after a resource stands: in one call, one call for each member, as tags."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Call, Take
from millrace.local.cloudformation.registry.errors import CannotUnset
from millrace.local.cloudformation.registry.types import Properties, Subject, gone_is_well


def _changed(names: Iterable[str], before: Properties, now: Properties) -> list[str]:
    return [name for name in names if before.get(name) != now.get(name)]


@dataclass(frozen=True)
class Setting:
    """Properties that one call sets.

    Where `at_creation` is off, the creating call has passed them and this one serves updates alone. A call that is
    `whole` says all of them each time, so that what is left out is unset; any other says what changed, and
    `unset` is called when none is left. `clear` is called before an update.
    """

    put: Call
    unset: Call | None = None
    clear: Call | None = None
    at_creation: bool = True
    whole: bool = False

    @property
    def properties(self) -> frozenset[str]:
        """The properties that the call passes on."""
        return frozenset(self.put.takes)

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (call for call in (self.put, self.unset, self.clear) if call)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Set what is new or changed."""
        now = subject.properties
        changed = _changed(self.put.takes, before or {}, now)
        if not changed or (before is None and not self.at_creation):
            return {}
        if self.clear and before is not None:
            subject.call(self.clear)
        if self.unset and not any(name in now for name in self.put.takes):
            return subject.call(self.unset)
        if self.whole:
            return subject.call_with(self.put, now)
        return subject.call_with(self.put, {name: self._value(subject, name, now) for name in changed})

    def undo(self, subject: Subject) -> None:
        """The resource's own deletion takes them along."""

    def _value(self, subject: Subject, name: str, now: Properties) -> Any:
        if name in now:
            return now[name]
        if name in subject.type.defaults:
            return subject.type.defaults[name]
        raise CannotUnset(f"{subject.type.type}.{name}", subject.resource.logical_id, "its default is not declared")


@dataclass(frozen=True)
class Each:
    """A list whose members are put and removed one by one; a call's templates and takes know one as `member`.

    `key` tells members apart. A change of one of the properties `also` puts every member again.
    """

    of: str
    put: Call
    remove: Call
    key: Callable[[Any], str] = json.dumps
    also: frozenset[str] = frozenset()

    @property
    def properties(self) -> frozenset[str]:
        """The list, and what goes along with each member."""
        return frozenset({self.of}) | self.also

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (self.put, self.remove)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Put what is new or changed, remove what is not there any more."""
        had, has = self._members(before or {}), self._members(subject.properties)
        for key in had.keys() - has.keys():
            with gone_is_well():
                subject.call(self.remove, member=had[key], member_of=self.of)
        again = bool(_changed(self.also, before or {}, subject.properties))
        for key, member in has.items():
            if again or had.get(key) != member:
                subject.call(self.put, member=member, member_of=self.of)
        return {}

    def undo(self, subject: Subject) -> None:
        """Remove every member."""
        for member in self._members(subject.properties).values():
            with gone_is_well():
                subject.call(self.remove, member=member, member_of=self.of)

    def _members(self, properties: Properties) -> dict[str, Any]:
        return {self.key(member): member for member in properties.get(self.of) or ()}


@dataclass(frozen=True)
class Switch:
    """A property that one call turns on and another off, as it is where a template says nothing."""

    of: str
    on: Call
    off: Call
    default: bool = False

    @property
    def properties(self) -> frozenset[str]:
        """The switch."""
        return frozenset({self.of})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (self.on, self.off)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Turn it if it stands otherwise."""
        now = self._is_on(subject.properties)
        if now == self._is_on(before or {}):
            return {}
        return subject.call(self.on if now else self.off)

    def undo(self, subject: Subject) -> None:
        """The resource's own deletion takes it along."""

    def _is_on(self, properties: Properties) -> bool:
        return str(properties.get(self.of, self.default)).lower() == "true"


@dataclass(frozen=True)
class Attributes:
    """Properties that a call sets one at a time, as AttributeName and AttributeValue. None passes them at creation."""

    put: str
    by: Mapping[str, str]
    names: tuple[str, ...]

    @property
    def properties(self) -> frozenset[str]:
        """The attributes."""
        return frozenset(self.names)

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (Call(self.put, {"value": Take("AttributeValue")}, {**self.by, "AttributeName": "{attribute}"}),)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Set each one that changed; one that is left out becomes empty."""
        (put,) = self.calls()
        for name in _changed(self.names, before, subject.properties) if before is not None else ():
            default = subject.type.defaults.get(name, "")
            subject.call(put, attribute=name, value=subject.properties.get(name, default))
        return {}

    def undo(self, subject: Subject) -> None:
        """The resource's own deletion takes them along."""


@dataclass(frozen=True)
class Reading:
    """A call that sets nothing, and whose answer holds attributes."""

    call: Call
    properties: frozenset[str] = frozenset()

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (self.call,)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:  # noqa: ARG002 a step's form
        """Read."""
        return subject.call(self.call)

    def undo(self, subject: Subject) -> None:
        """Nothing was done."""


@dataclass(frozen=True)
class Tags:
    """Tags, which the creating call has passed unless `at_creation` says otherwise."""

    put: str
    remove: str
    by: Mapping[str, str]
    argument: str = "Tags"
    keys: str = "TagKeys"
    at_creation: bool = False
    form: Callable[[Any], Any] | None = None
    properties: frozenset[str] = frozenset({"Tags"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        put = Call(self.put, {"Tags": Take(self.argument, self.form)}, self.by)
        return (put, Call(self.remove, {"keys": Take(self.keys)}, self.by))

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Put the tags that changed, remove those that are gone."""
        if before is None and not self.at_creation:
            return {}
        had, has = tag_map((before or {}).get("Tags")), tag_map(subject.properties.get("Tags"))
        put, remove = self.calls()
        if gone := sorted(had.keys() - has.keys()):
            subject.call(remove, keys=gone)
        if changed := [{"Key": key, "Value": value} for key, value in has.items() if had.get(key) != value]:
            subject.call(put, Tags=changed)
        return {}

    def undo(self, subject: Subject) -> None:
        """The resource's own deletion takes them along."""


def tag_map(tags: Any) -> dict[str, str]:
    """Tags as a map, whether a template writes pairs or a map."""
    if isinstance(tags, dict):
        return tags
    return {pair["Key"]: pair["Value"] for pair in tags or ()}
