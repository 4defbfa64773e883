"""One run over all stacks: create new resources, update changed ones, delete removed ones.

Differs from CloudFormation in one respect: a run over several stacks is rolled back as a whole.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployment import (
    Action,
    Change,
    DeployedValues,
    Deployment,
    DeploymentError,
    StackState,
)
from millrace.local.cloudformation.intrinsics import PseudoParameters, Resolver
from millrace.local.cloudformation.nested_templates import nested_template
from millrace.local.cloudformation.parameters import resolve_parameters
from millrace.local.cloudformation.refusals import Options, check
from millrace.local.cloudformation.registry import IGNORED, Cloud, Resource, resource_type
from millrace.local.cloudformation.registry.nested_stacks import NESTED_STACK, STACK, attributes_of, given_parameters
from millrace.local.cloudformation.template import ResourceDefinition, TemplateError

_RETAIN = ("Retain", "RetainExceptOnCreate")


class CustomNameError(ValueError):
    """A replacement with the same custom name as the resource that it replaces."""


class Rollout:
    """Changes a deployment from `before` to `after`. The stacks named in `keep` stay unless they are deployed.

    Resources of the types and construct paths in `skip` are not created; references to them get placeholders.
    """

    def __init__(
        self,
        cloud: Cloud,
        before: Deployment,
        source: random.Random,
        on_change: Callable[[Change], None] | None,
        *,
        keep: Iterable[str] = (),
        skip: frozenset[str] = frozenset(),
    ) -> None:
        self.after = Deployment({name: before.stacks[name] for name in keep})
        self._skip = skip
        self._cloud = cloud
        self._before = before
        self._random = source
        self._on_change = on_change
        self._undo: list[Callable[[], object]] = []
        self._replaced: set[tuple[str, str]] = set()

    def deploy(self, stack: Stack, parameters: Mapping[str, Any], *, stack_id: str | None = None) -> StackState:
        """Create or update a stack. `stack_id` is the id of a new stack. Raises DeploymentError."""
        for name in self.after.nested(stack.name):
            del self.after.stacks[name]
        state = StackState(stack.name, stack.template, self._stack_id(stack.name, stack_id))
        self.after.stacks[stack.name] = state
        pseudo = self._pseudo_parameters(state)
        skipped = stack.template.skipped(self._skip)
        values = DeployedValues(state.resources, self.after, state.imports, skipped)
        resolver = Resolver(stack.template, pseudo, values, parameters)
        for definition in self._definitions(stack, resolver):
            try:
                state.resources[definition.logical_id] = self._deploy_resource(state, definition, resolver)
            except Exception as error:
                raise DeploymentError(state, error, definition) from error
        try:
            self._resolve_outputs(state, resolver)
        except TemplateError as error:
            raise DeploymentError(stack, error) from error
        return state

    def delete_removed(
        self, *, include_retained: bool = False, on_failure: Callable[[DeploymentError], None] | None = None
    ) -> None:
        """Delete removed and replaced resources, in reverse order of creation.

        A failure is raised; with `on_failure`, it is reported there and the other resources are still deleted.
        """
        for state, definition, resource in self._removed():
            replaced = (state.name, definition.logical_id) in self._replaced
            policy = definition.update_replace_policy if replaced else definition.deletion_policy
            start = time.perf_counter()
            if policy in _RETAIN and not include_retained:
                self._report("retain", state, resource, start)
                continue
            try:
                resource_type(definition.type, definition.logical_id).delete_resource(self._cloud, resource)
            except Exception as error:
                failure = DeploymentError(state, error, definition)
                if on_failure is None:
                    raise failure from error
                on_failure(failure)
            else:
                self._report("delete", state, resource, start)

    def roll_back(self, failure: DeploymentError) -> None:
        """Undo this run's changes, last first. Errors of the rollback are added to `failure` as notes."""
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception as error:  # noqa: BLE001 - report the original failure
                failure.add_note(f"Rolling back: {error}")

    def _pseudo_parameters(self, state: StackState) -> PseudoParameters:
        return PseudoParameters(self._cloud.account, self._cloud.region, state.name, state.id, self._cloud.partition)

    def _stack_id(self, stack: str, new_id: str | None) -> str:
        if stack in self._before.stacks:
            return self._before.stacks[stack].id
        return new_id or str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _definitions(self, stack: Stack, resolver: Resolver) -> list[ResourceDefinition]:
        definitions, skipped = stack.template.resources.values(), stack.template.skipped(self._skip)
        try:
            return stack.template.in_dependency_order(
                each
                for each in definitions
                if each.type not in IGNORED and each.logical_id not in skipped and resolver.is_included(each)
            )
        except TemplateError as error:
            raise DeploymentError(stack, error) from error

    def _deploy_resource(self, state: StackState, definition: ResourceDefinition, resolver: Resolver) -> Resource:
        properties = resolver.properties(definition)
        before = self._before.stacks.get(state.name)
        old = before.resources.get(definition.logical_id) if before else None
        if definition.type == STACK:
            return self._deploy_nested(state, definition, old, properties)
        if old is None:
            return self._create("create", state, definition, properties)
        if old.type == definition.type:
            if old.properties == properties:
                return old
            if not resource_type(old.type, old.logical_id).requires_replacement(old.properties, properties):
                return self._update(state, old, properties)
            _check_custom_name(old, properties)
        self._replaced.add((state.name, definition.logical_id))
        return self._create("replace", state, definition, properties)

    def _deploy_nested(
        self, parent: StackState, definition: ResourceDefinition, old: Resource | None, properties: Mapping[str, Any]
    ) -> Resource:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html."""
        start = time.perf_counter()
        if old and old.type != STACK:
            self._replaced.add((parent.name, definition.logical_id))
            old = None
        name = old.name if old else None
        name = name or NESTED_STACK.physical_name(parent.name, definition.logical_id, properties, self._random)
        stack = Stack(str(name), nested_template(properties["TemplateURL"], self._cloud.clients))
        check([stack], Options(skip=self._skip))
        given = given_parameters(properties)
        state = self.deploy(stack, resolve_parameters(stack.template, given, self._cloud.clients))
        state.parameters, state.parent = given, parent.name
        arn, attributes = self._pseudo_parameters(state).stack_id, attributes_of(state.outputs)
        nested = Resource(STACK, definition.logical_id, arn, name, properties, attributes, {})
        if old is None or old.properties != properties:
            self._report("update" if old else "create", parent, nested, start)
        return nested

    def _create(
        self, action: Action, state: StackState, definition: ResourceDefinition, properties: Mapping[str, Any]
    ) -> Resource:
        start = time.perf_counter()
        declared = resource_type(definition.type, definition.logical_id)
        name = declared.physical_name(state.name, definition.logical_id, properties, self._random)
        created = declared.create_resource(self._cloud, definition.logical_id, properties, name)

        def undo() -> None:
            """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html."""
            start = time.perf_counter()
            if definition.deletion_policy == "Retain":
                self._report("retain", state, created, start)
                return
            declared.delete_resource(self._cloud, created)
            self._report("undo", state, created, start)

        self._undo.append(undo)
        self._report(action, state, created, start)
        return created

    def _update(self, state: StackState, old: Resource, properties: Mapping[str, Any]) -> Resource:
        start = time.perf_counter()
        declared = resource_type(old.type, old.logical_id)

        def undo() -> None:
            start = time.perf_counter()
            declared.update_resource(self._cloud, replace(old, properties=properties), old.properties)
            self._report("undo", state, old, start)

        self._undo.append(undo)
        updated = declared.update_resource(self._cloud, old, properties)
        self._report("update", state, updated, start)
        return updated

    def _resolve_outputs(self, state: StackState, resolver: Resolver) -> None:
        for name, body in state.template.outputs.items():
            if not resolver.is_included(body):
                continue
            state.outputs[name] = resolver.resolve(body["Value"], f"Outputs.{name}.Value")
            if "Export" in body:
                export = resolver.resolve(body["Export"]["Name"], f"Outputs.{name}.Export.Name")
                if export in self.after.exports:
                    raise TemplateError(f"Outputs.{name}: the export name {export} is already in use. Choose another.")
                state.exports[export] = state.outputs[name]

    def _removed(self) -> Iterator[tuple[StackState, ResourceDefinition, Resource]]:
        for state in reversed(self._before.stacks.values()):
            if state.parent is None:
                yield from self._removed_of(state)

    def _removed_of(self, state: StackState) -> Iterator[tuple[StackState, ResourceDefinition, Resource]]:
        after = self.after.stacks.get(state.name)
        for logical_id, resource in reversed(state.resources.items()):
            if resource.type == STACK:
                yield from self._removed_of(self._before.stacks[str(resource.name)])
            removed = after is None or logical_id not in after.resources
            if removed or (state.name, logical_id) in self._replaced:
                yield state, state.template.resources[logical_id], resource

    def _report(self, action: Action, state: StackState, resource: Resource, start: float) -> None:
        if self._on_change:
            path = state.template.construct_path(resource.logical_id)
            seconds = time.perf_counter() - start
            ids = (state.name, resource.logical_id, resource.type, path, resource.physical_id)
            self._on_change(Change(action, *ids, seconds))


def _check_custom_name(old: Resource, properties: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html."""
    name = resource_type(old.type, old.logical_id).name
    if name and name.collides(old.properties, properties):
        raise CustomNameError(
            f"The change requires a replacement, but {name.property} gives the new resource the name of the old one. "
            f"Change {name.property} and deploy again."
        )
