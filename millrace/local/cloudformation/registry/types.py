"""Declared resource types: how resources are created, updated and deleted through AWS's API."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.registry.calls import Call, Cloud, Values, resolve_references
from millrace.local.cloudformation.registry.errors import UnsupportedAttributeError, UnsupportedPropertyError
from millrace.local.cloudformation.registry.names import Name

Properties = Mapping[str, Any]
ValueTemplate = str | Callable[[Values], str]
_NOT_FOUND = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")


@dataclass(frozen=True)
class Resource:
    """One deployed resource, with its resolved properties.

    `name` is its custom or generated name. `not_in_moto` has the properties that moto does not store.
    """

    type: str
    logical_id: str
    physical_id: str
    name: str | None
    properties: Properties
    attributes: Mapping[str, Any]
    not_in_moto: Mapping[str, Any]


@dataclass(frozen=True)
class StepContext:
    """The resource that a step changes. `values` are available to calls."""

    cloud: Cloud
    type: "ResourceType"
    resource: Resource
    properties: Properties
    values: Values

    def call(self, call: Call, **more: Any) -> dict[str, Any]:
        """Make a call with the resource's values and `more`."""
        return self._run(call, {**self.values, **more})

    def call_with(self, call: Call, properties: Properties) -> dict[str, Any]:
        """Make a call that passes only these properties, besides what identifies the resource."""
        hidden = call.arguments.keys() - properties.keys()
        return self._run(call, {k: v for k, v in {**self.values, **properties}.items() if k not in hidden})

    def _run(self, call: Call, values: Values) -> dict[str, Any]:
        client = self.cloud.clients(self.type.service)
        return call.run(client, values, (self.type.type, self.resource.logical_id))


class Step(ABC):
    """Sets a group of properties by its own calls, after the resource was created."""

    @property
    @abstractmethod
    def properties(self) -> frozenset[str]:
        """The properties that the step sets."""

    @abstractmethod
    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Change the properties `before` (None for a new resource) to the current ones.

        Returns AWS's response, from which attributes are read.
        """

    def clean_up(self, context: StepContext) -> None:  # noqa: B027 - most steps have nothing to remove
        """Remove what would block the deletion of the resource."""

    @abstractmethod
    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""


@dataclass(frozen=True)
class ResourceType:
    """One resource type, as calls of one service.

    `id` (the value of Ref) and `attributes` are format strings over AWS's response, the resource's values, `account`,
    `region` and `partition`.
    A change of an `immutable` property replaces the resource. `defaults` are AWS's values for missing properties.
    `not_in_moto` are the properties that moto does not store or drops in an update, each with the reason.
    `unsupported` yields what the local cloud does not support within the properties of a template.
    `reshape` converts the template's properties to those that the calls take. `other_properties` are accepted but
    not passed by any call; `only_properties` replaces the derived set of accepted properties.
    """

    type: str
    service: str
    create: Call | None
    id: ValueTemplate
    delete: Sequence[Call] = ()
    attributes: Mapping[str, ValueTemplate] = field(default_factory=dict)
    name: Name | None = None
    steps: Sequence[Step] = ()
    immutable: frozenset[str] = frozenset()
    defaults: Properties = field(default_factory=dict)
    not_in_moto: Mapping[str, str] = field(default_factory=dict)
    unsupported: Callable[[Properties], Iterable[str]] = lambda _: ()
    reshape: Callable[[Properties], Properties] = dict
    other_properties: frozenset[str] = frozenset()
    only_properties: frozenset[str] | None = None

    @cached_property
    def properties(self) -> frozenset[str]:
        """Every property that the type accepts."""
        if self.only_properties is not None:
            return self.only_properties
        named = {self.name.property} if self.name and self.name.property else set()
        created = {name for name in self.create.arguments if not name.islower()} if self.create else set()
        by_steps = {name for step in self.steps for name in step.properties}
        return frozenset(named | created | by_steps | self.not_in_moto.keys() | self.other_properties)

    def check_properties(self, logical_id: str, properties: Iterable[str]) -> None:
        """Raise UnsupportedPropertyError for a property that the type does not accept."""
        for name in properties:
            if name not in self.properties:
                raise UnsupportedPropertyError(f"{self.type}.{name}", logical_id)

    def check_attribute(self, referrer: str, attribute: str) -> None:
        """Raise UnsupportedAttributeError for an unknown attribute; `referrer` is the logical id of the reference."""
        if attribute not in self.attributes:
            raise UnsupportedAttributeError(f"{self.type}.{attribute}", referrer)

    def physical_name(self, stack: str, logical_id: str, properties: Properties, source: random.Random) -> str | None:
        """Return the custom or generated name of a new resource; None for a type without names."""
        if not self.name:
            return None
        custom: str | None = properties.get(self.name.property or "")
        return custom or self.name.generated(stack, logical_id, properties, source)

    def requires_replacement(self, old: Properties, new: Properties) -> bool:
        """Return whether AWS replaces the resource for this change."""
        old, new = self.reshape(old), self.reshape(new)
        return any(old.get(name) != new.get(name) for name in self.immutable)

    def create_resource(self, cloud: Cloud, logical_id: str, properties: Properties, name: str | None) -> Resource:
        """Create a resource. If a step fails, the resource is deleted."""
        self.check_properties(logical_id, properties)
        passed = self._passed_properties(cloud, properties)
        values = {**self._values(cloud, name), **passed, "logical_id": logical_id}
        if self.create:
            values |= self.create.run(cloud.clients(self.service), values, (self.type, logical_id))
        physical_id = _format(self.id, values)
        attributes = self._attributes({**values, "id": physical_id})
        stored = self._not_in_moto(properties)
        resource = Resource(self.type, logical_id, physical_id, name, properties, attributes, stored)
        try:
            return self._apply_steps(self._context(cloud, resource), None)
        except Exception as error:
            try:
                self.delete_resource(cloud, resource)
            except Exception as second:  # noqa: BLE001 - report the first error
                error.add_note(f"The incomplete resource {logical_id} could not be deleted: {second}")
            raise

    def update_resource(self, cloud: Cloud, resource: Resource, properties: Properties) -> Resource:
        """Update a resource in place."""
        self.check_properties(resource.logical_id, properties)
        updated = replace(resource, properties=properties, not_in_moto=self._not_in_moto(properties))
        return self._apply_steps(self._context(cloud, updated), self._passed_properties(cloud, resource.properties))

    def delete_resource(self, cloud: Cloud, resource: Resource) -> None:
        """Delete a resource, if it still exists."""
        context = self._context(cloud, resource)
        for step in reversed(self.steps):
            with ignore_not_found():
                step.clean_up(context)
        for call in self.delete:
            with ignore_not_found():
                context.call(call)

    def calls(self) -> Iterable[Call]:
        """Yield every declared call."""
        yield from (call for call in (self.create, *self.delete) if call)
        for step in self.steps:
            yield from step.calls()

    def _apply_steps(self, context: StepContext, before: Properties | None) -> Resource:
        responses: dict[str, Any] = {}
        for step in self.steps:
            responses |= step.apply(context, before)
        attributes = self._attributes({**context.values, **responses})
        return replace(context.resource, attributes={**context.resource.attributes, **attributes})

    def _context(self, cloud: Cloud, resource: Resource) -> StepContext:
        ids = {"id": resource.physical_id, "logical_id": resource.logical_id}
        passed = self._passed_properties(cloud, resource.properties)
        values = {**self._values(cloud, resource.name), **passed, **resource.attributes, **ids}
        return StepContext(cloud, self, resource, passed, values)

    def _passed_properties(self, cloud: Cloud, properties: Properties) -> Properties:
        passed: Properties = resolve_references(self.reshape(properties), cloud.clients)
        return passed

    def _values(self, cloud: Cloud, name: str | None) -> dict[str, Any]:
        named = {"name": name, self.name.property or "name": name} if self.name else {}
        return {**cloud.values, **self.defaults, **named}

    def _attributes(self, values: Values) -> dict[str, Any]:
        found = {}
        for attribute, template in self.attributes.items():
            try:
                found[attribute] = _format(template, values)
            except KeyError:  # this resource does not have the attribute, such as StreamArn of a table without a stream
                continue
        return found

    def _not_in_moto(self, properties: Properties) -> dict[str, Any]:
        return {name: properties[name] for name in self.not_in_moto if name in properties}


def _format(template: ValueTemplate, values: Values) -> str:
    return template.format_map(values) if isinstance(template, str) else template(values)


@contextmanager
def ignore_not_found() -> Iterator[None]:
    """Suppress AWS's error for an object that does not exist."""
    try:
        yield
    except ClientError as error:
        if not any(word in error.response["Error"]["Code"] for word in _NOT_FOUND):
            raise
