"""A resource type, declared: how a resource of it is made, changed and taken away through AWS's public API."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from botocore.exceptions import ClientError

from millrace.local.cloudformation.registry.calls import Call, Cloud, Values
from millrace.local.cloudformation.registry.errors import UnknownAttribute, UnknownProperty
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.references import revealed

Properties = Mapping[str, Any]
Template = str | Callable[[Values], str]
_GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")


@dataclass(frozen=True)
class Resource:
    """One resource that stands: its resolved properties, and what Ref and Fn::GetAtt give.

    `name` is the generated or given name; `kept` holds the properties that only this record keeps.
    """

    type: str
    logical_id: str
    physical_id: str
    name: str | None
    properties: Properties
    attributes: Mapping[str, Any]
    kept: Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """What a step works on: a resource, and the calls that may be made for it."""

    cloud: Cloud
    type: "ResourceType"
    resource: Resource
    properties: Properties
    values: Values

    def call(self, call: Call, **more: Any) -> dict[str, Any]:
        """Make a call with the resource's values, and some more."""
        return self._run(call, {**self.values, **more})

    def call_with(self, call: Call, properties: Properties) -> dict[str, Any]:
        """Make a call that passes none but these properties; what identifies the resource is there all the same."""
        hidden = call.takes.keys() - properties.keys()
        return self._run(call, {k: v for k, v in {**self.values, **properties}.items() if k not in hidden})

    def _run(self, call: Call, values: Values) -> dict[str, Any]:
        client = self.cloud.clients(self.type.service)
        return call.run(client, values, (self.type.type, self.resource.logical_id))


class Step(Protocol):
    """A group of properties that is set by calls of its own, once the resource stands."""

    @property
    def properties(self) -> frozenset[str]:
        """The properties that the step passes on."""

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Bring the resource from the properties it had (None: it is new) to those it has.

        Gives what AWS answered, from which attributes are read.
        """

    def undo(self, subject: Subject) -> None:
        """Take away what would keep the resource from being deleted."""

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""


@dataclass(frozen=True)
class ResourceType:
    """One type of CloudFormation, and the calls of one service that stand for it.

    `id` (what Ref gives) and `attributes` are templates over what AWS answered, the resource's values, `account`,
    `region` and `partition`. `immutable` are the properties whose change AWS answers with a replacement; `defaults`
    say what AWS takes where a template says nothing. `kept_only_here` are those that moto's API does not keep, or
    forgets in an update, each with the reason. `reshape` turns properties into those that the calls know; `accepts`
    names those that nothing else does, and `exactly` all of them where the calls know others than the template.
    """

    type: str
    service: str
    create: Call | None
    id: Template
    delete: Sequence[Call] = ()
    attributes: Mapping[str, Template] = field(default_factory=dict)
    name: Name | None = None
    steps: Sequence[Step] = ()
    immutable: frozenset[str] = frozenset()
    defaults: Properties = field(default_factory=dict)
    kept_only_here: Mapping[str, str] = field(default_factory=dict)
    reshape: Callable[[Properties], Properties] = dict
    accepts: frozenset[str] = frozenset()
    exactly: frozenset[str] | None = None

    @cached_property
    def properties(self) -> frozenset[str]:
        """Every property that the type accepts."""
        if self.exactly is not None:
            return self.exactly
        named = {self.name.property} if self.name and self.name.property else set()
        created = {name for name in self.create.takes if not name.islower()} if self.create else set()
        stepped = {name for step in self.steps for name in step.properties}
        return frozenset(named | created | stepped | self.kept_only_here.keys() | self.accepts)

    def check(self, logical_id: str, properties: Iterable[str]) -> None:
        """Raise UnknownProperty for what would be dropped."""
        for name in properties:
            if name not in self.properties:
                raise UnknownProperty(f"{self.type}.{name}", logical_id)

    def check_attribute(self, logical_id: str, attribute: str) -> None:
        """Raise UnknownAttribute for what Fn::GetAtt could not give; `logical_id` is who asks."""
        if attribute not in self.attributes:
            raise UnknownAttribute(f"{self.type}.{attribute}", logical_id)

    def naming(self, stack: str, logical_id: str, properties: Properties, source: random.Random) -> str | None:
        """The name that a new resource gets, or None for a type without names."""
        if not self.name:
            return None
        given: str | None = properties.get(self.name.property or "")
        return given or self.name.generated(stack, logical_id, properties, source)

    def replaces(self, before: Properties, now: Properties) -> bool:
        """Whether AWS would answer this change with a new resource in place of the old one."""
        before, now = self.reshape(before), self.reshape(now)
        return any(before.get(name) != now.get(name) for name in self.immutable)

    def make(self, cloud: Cloud, logical_id: str, properties: Properties, name: str | None) -> Resource:
        """Create a resource. Where a later call fails, what the first one made is taken away again."""
        self.check(logical_id, properties)
        values = {**self._values(cloud, name), **self._shaped(cloud, properties), "logical_id": logical_id}
        if self.create:
            values |= self.create.run(cloud.clients(self.service), values, (self.type, logical_id))
        physical_id = _filled(self.id, values)
        attributes = self._attributes({**values, "id": physical_id})
        resource = Resource(self.type, logical_id, physical_id, name, properties, attributes, self._kept(properties))
        try:
            return self._settled(self._subject(cloud, resource), None)
        except Exception as error:
            self._take_back(cloud, resource, error)
            raise

    def change(self, cloud: Cloud, resource: Resource, properties: Properties) -> Resource:
        """Update a resource in place to other properties."""
        self.check(resource.logical_id, properties)
        now = replace(resource, properties=properties, kept=self._kept(properties))
        return self._settled(self._subject(cloud, now), self._shaped(cloud, resource.properties))

    def remove(self, cloud: Cloud, resource: Resource) -> None:
        """Delete a resource; one that is gone already is well."""
        subject = self._subject(cloud, resource)
        for step in reversed(self.steps):
            with gone_is_well():
                step.undo(subject)
        for call in self.delete:
            with gone_is_well():
                subject.call(call)

    def calls(self) -> Iterable[Call]:
        """Every call that the declaration names."""
        yield from (call for call in (self.create, *self.delete) if call)
        for step in self.steps:
            yield from step.calls()

    def _settled(self, subject: Subject, before: Properties | None) -> Resource:
        answers: dict[str, Any] = {}
        for step in self.steps:
            answers |= step.apply(subject, before)
        attributes = self._attributes({**subject.values, **answers})
        return replace(subject.resource, attributes={**subject.resource.attributes, **attributes})

    def _take_back(self, cloud: Cloud, resource: Resource, error: Exception) -> None:
        try:
            self.remove(cloud, resource)
        except Exception as second:  # noqa: BLE001 the first error is the one to report
            error.add_note(f"What was made of {resource.logical_id} could not be taken back: {second}")

    def _subject(self, cloud: Cloud, resource: Resource) -> Subject:
        own = {"id": resource.physical_id, "logical_id": resource.logical_id}
        named = self._values(cloud, resource.name)
        properties = self._shaped(cloud, resource.properties)
        return Subject(cloud, self, resource, properties, {**named, **properties, **resource.attributes, **own})

    def _shaped(self, cloud: Cloud, properties: Properties) -> Properties:
        shaped: Properties = revealed(self.reshape(properties), cloud.clients)
        return shaped

    def _values(self, cloud: Cloud, name: str | None) -> dict[str, Any]:
        named = {"name": name, self.name.property or "name": name} if self.name else {}
        return {**cloud.values, **self.defaults, **named}

    def _attributes(self, seen: Values) -> dict[str, Any]:
        found = {}
        for attribute, template in self.attributes.items():
            try:
                found[attribute] = _filled(template, seen)
            except KeyError:  # an attribute that this resource has not, as the stream of a table without one
                continue
        return found

    def _kept(self, properties: Properties) -> dict[str, Any]:
        return {name: properties[name] for name in self.kept_only_here if name in properties}


def _filled(template: Template, values: Values) -> str:
    return template.format_map(values) if isinstance(template, str) else template(values)


@contextmanager
def gone_is_well() -> Iterator[None]:
    """Let a deletion pass whose object is not there."""
    try:
        yield
    except ClientError as error:
        if not any(word in error.response["Error"]["Code"] for word in _GONE):
            raise
