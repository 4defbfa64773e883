"""Steps that set properties after the creation of a resource: in one call, one call per member, as tags."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call
from millrace.local.cloudformation.registry.errors import MissingDefaultError
from millrace.local.cloudformation.registry.types import Properties, Step, StepContext, ignore_not_found
from millrace.local.core.json_text import is_true


def _changed(names: Iterable[str], before: Properties | None, properties: Properties) -> list[str]:
    return [name for name in names if (before or {}).get(name) != properties.get(name)]


@dataclass(frozen=True)
class Setting(Step):
    """Properties that one call sets.

    Without `at_creation`, the creating call has passed them and this call is for updates only. With `send_all`, the
    call passes all properties each time; otherwise, it passes the changed ones, and `unset` is called when none is
    left. `delete_first` is called before an update.
    """

    put: Call
    unset: Call | None = None
    delete_first: Call | None = None
    at_creation: bool = True
    send_all: bool = False

    @property
    def properties(self) -> frozenset[str]:
        """The properties that the call passes."""
        return frozenset(self.put.arguments)

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (call for call in (self.put, self.unset, self.delete_first) if call)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Set new and changed properties."""
        changed = _changed(self.put.arguments, before, context.properties)
        if not changed or (before is None and not self.at_creation):
            return {}
        if self.delete_first and before is not None:
            context.call(self.delete_first)
        if self.unset and not any(name in context.properties for name in self.put.arguments):
            return context.call(self.unset)
        if self.send_all:
            return context.call_with(self.put, context.properties)
        return context.call_with(self.put, {name: self._value_or_default(context, name) for name in changed})

    def _value_or_default(self, context: StepContext, name: str) -> Any:
        if name in context.properties:
            return context.properties[name]
        if name in context.type.defaults:
            return context.type.defaults[name]
        raise MissingDefaultError(f"{context.type.type}.{name}", context.resource.logical_id)


@dataclass(frozen=True)
class ForEach(Step):
    """A list property whose members are put and removed one by one. Calls refer to the member as `member`.

    `key` identifies a member. A change of a property in `shared` puts every member again.
    """

    of: str
    put: Call
    remove: Call
    key: Callable[[Any], str] = json.dumps
    shared: frozenset[str] = frozenset()

    @property
    def properties(self) -> frozenset[str]:
        """The list, and the properties that are passed with each member."""
        return frozenset({self.of}) | self.shared

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (self.put, self.remove)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Put new and changed members and remove the others."""
        old, new = self._members(before or {}), self._members(context.properties)
        self._remove(context, [member for key, member in old.items() if key not in new])
        put_all = bool(_changed(self.shared, before, context.properties))
        for key, member in new.items():
            if put_all or old.get(key) != member:
                context.call(self.put, member=member, member_of=self.of)
        return {}

    def clean_up(self, context: StepContext) -> None:
        """Remove every member."""
        self._remove(context, self._members(context.properties).values())

    def _remove(self, context: StepContext, members: Iterable[Any]) -> None:
        for member in members:
            with ignore_not_found():
                context.call(self.remove, member=member, member_of=self.of)

    def _members(self, properties: Properties) -> dict[str, Any]:
        return {self.key(member): member for member in properties.get(self.of) or ()}


@dataclass(frozen=True)
class Switch(Step):
    """A boolean property that one call turns on and another turns off. `default` is the state without the property."""

    of: str
    on: Call
    off: Call
    default: bool = False

    @property
    def properties(self) -> frozenset[str]:
        """The boolean property."""
        return frozenset({self.of})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (self.on, self.off)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Turn it on or off if it changed."""
        is_on = self._is_on(context.properties)
        if is_on == self._is_on(before or {}):
            return {}
        return context.call(self.on if is_on else self.off)

    def _is_on(self, properties: Properties) -> bool:
        return is_true(properties.get(self.of, self.default))


@dataclass(frozen=True)
class Attributes(Step):
    """Properties that a call updates one at a time, as AttributeName and AttributeValue."""

    put: str
    by: Mapping[str, str]
    names: tuple[str, ...]

    @property
    def properties(self) -> frozenset[str]:
        """The attributes."""
        return frozenset(self.names)

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (Call(self.put, {"value": Argument("AttributeValue")}, {**self.by, "AttributeName": "{attribute}"}),)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Set each changed attribute; a removed one gets its default, or becomes empty."""
        (put,) = self.calls()
        for name in _changed(self.names, before, context.properties) if before is not None else ():
            default = context.type.defaults.get(name, "")
            context.call(put, attribute=name, value=context.properties.get(name, default))
        return {}


@dataclass(frozen=True)
class Read(Step):
    """A call that only reads attributes."""

    call: Call
    properties: frozenset[str] = frozenset()

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (self.call,)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:  # noqa: ARG002 - a step's signature
        """Read the attributes."""
        return context.call(self.call)


@dataclass(frozen=True)
class Tags(Step):
    """Tags. Without `at_creation`, the creating call has passed them and this step is for updates only."""

    put: str
    remove: str
    by: Mapping[str, str]
    argument: str = "Tags"
    keys: str = "TagKeys"
    at_creation: bool = False
    convert: Callable[[Any], Any] | None = None
    properties: frozenset[str] = frozenset({"Tags"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        put = Call(self.put, {"Tags": Argument(self.argument, self.convert)}, self.by)
        return (put, Call(self.remove, {"keys": Argument(self.keys)}, self.by))

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Put changed tags and remove the others."""
        if before is None and not self.at_creation:
            return {}
        old, new = tag_map((before or {}).get("Tags")), tag_map(context.properties.get("Tags"))
        put, remove = self.calls()
        if removed := sorted(old.keys() - new.keys()):
            context.call(remove, keys=removed)
        if changed := [{"Key": key, "Value": value} for key, value in new.items() if old.get(key) != value]:
            context.call(put, Tags=changed)
        return {}


def tag_map(tags: Any) -> dict[str, str]:
    """Return tags as a map, whether a template has pairs or a map."""
    return tags if isinstance(tags, dict) else {pair["Key"]: pair["Value"] for pair in tags or ()}
