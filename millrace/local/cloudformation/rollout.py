"""One run over all stacks: what is new is made, what changed is changed, what is gone is taken away.

It behaves as CloudFormation does, but for one thing: a run over several stacks is rolled back as a whole.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.deployment import Action, Change, Deployment, DeploymentFailed, StackState, Standing
from millrace.local.cloudformation.intrinsics import Pseudo, Resolver
from millrace.local.cloudformation.registry import IGNORED, Cloud, Resource, resource_type
from millrace.local.cloudformation.template import Entry, TemplateError

_RETAIN = ("Retain", "RetainExceptOnCreate")


class CustomNameError(ValueError):
    """A replacement that cannot stand beside what it replaces, because the template fixes their name."""


class Rollout:
    """Brings the cloud from `before` to what the stacks say; `after` is what stands then.

    The stacks that are named in `keeping` are left as they are, unless they are brought.
    """

    def __init__(
        self,
        cloud: Cloud,
        before: Deployment,
        source: random.Random,
        on_change: Callable[[Change], None] | None,
        *,
        keeping: Iterable[str] = (),
    ) -> None:
        self.after = Deployment({name: before.stacks[name] for name in keeping})
        self._cloud = cloud
        self._before = before
        self._source = source
        self._on_change = on_change
        self._undo: list[Callable[[], object]] = []
        self._replaced: set[tuple[str, str]] = set()

    def bring(self, stack: Stack, parameters: Mapping[str, Any], *, id: str | None = None) -> StackState:  # noqa: A002
        """Make a stack's resources and outputs what its template says. Raises DeploymentFailed.

        `id` is the one that a new stack gets; one that stands keeps its own.
        """
        state = self.after.stacks[stack.name] = StackState(stack.name, stack.template, self._id(stack.name, id))
        pseudo = Pseudo(self._cloud.account, self._cloud.region, stack.name, state.id, self._cloud.partition)
        standing = Standing(state.resources, self.after.exports, state.imports)
        resolver = Resolver(stack.template, pseudo, standing, parameters)
        for entry in self._entries(stack, resolver):
            try:
                state.resources[entry.logical_id] = self._resource(state, entry, resolver)
            except Exception as error:
                raise self._failed(state, entry, error) from error
        try:
            self._outputs(state, resolver)
        except TemplateError as error:
            raise DeploymentFailed(stack.name, error) from error
        return state

    def clear(self, *, retained: bool = False, on_failure: Callable[[DeploymentFailed], None] | None = None) -> None:
        """Delete what is no more in the stacks, last made first; with `retained` even what its policy keeps.

        Where `on_failure` is given, it is told of what cannot be deleted, and the rest is deleted all the same.
        """
        for state, entry, resource in self._doomed():
            replaced = (state.name, entry.logical_id) in self._replaced
            policy = entry.replace_policy if replaced else entry.deletion_policy
            action: Action = "retain" if policy in _RETAIN and not retained else "delete"
            start = time.perf_counter()
            if action == "delete":
                try:
                    resource_type(entry.type, entry.logical_id).remove(self._cloud, resource)
                except Exception as error:
                    failure = self._failed(state, entry, error)
                    if on_failure is None:
                        raise failure from error
                    on_failure(failure)
                    continue
            self._tell(action, state, resource, start)

    def roll_back(self, failure: DeploymentFailed) -> None:
        """Undo what this run did, last done first. What cannot be undone is noted on the failure."""
        for undo in reversed(self._undo):
            try:
                undo()
            except Exception as error:  # noqa: BLE001 the failure is the one to report
                failure.add_note(f"Rolling back: {error}")

    def _id(self, stack: str, given: str | None) -> str:
        if stack in self._before.stacks:
            return self._before.stacks[stack].id
        return given or str(uuid.UUID(int=self._source.getrandbits(128), version=4))

    def _entries(self, stack: Stack, resolver: Resolver) -> list[Entry]:
        every = stack.template.entries.values()
        try:
            return stack.template.order(each for each in every if each.type not in IGNORED and resolver.stands(each))
        except TemplateError as error:
            raise DeploymentFailed(stack.name, error) from error

    def _resource(self, state: StackState, entry: Entry, resolver: Resolver) -> Resource:
        properties = resolver.properties(entry)
        old = self._old(state.name, entry.logical_id)
        if old is None:
            return self._make("create", state, entry, properties)
        if old.type == entry.type:
            if old.properties == properties:
                return old
            if not resource_type(entry.type, entry.logical_id).replaces(old.properties, properties):
                return self._change(state, entry, old, properties)
            _check_names(old, properties)
        self._replaced.add((state.name, entry.logical_id))
        return self._make("replace", state, entry, properties)

    def _old(self, stack: str, logical_id: str) -> Resource | None:
        state = self._before.stacks.get(stack)
        return state.resources.get(logical_id) if state else None

    def _make(self, action: Action, state: StackState, entry: Entry, properties: Mapping[str, Any]) -> Resource:
        start = time.perf_counter()
        declared = resource_type(entry.type, entry.logical_id)
        name = declared.naming(state.name, entry.logical_id, properties, self._source)
        made = declared.make(self._cloud, entry.logical_id, properties, name)

        def undo() -> None:
            began = time.perf_counter()
            declared.remove(self._cloud, made)
            self._tell("undo", state, made, began)

        self._undo.append(undo)
        self._tell(action, state, made, start)
        return made

    def _change(self, state: StackState, entry: Entry, old: Resource, properties: Mapping[str, Any]) -> Resource:
        start = time.perf_counter()
        declared = resource_type(entry.type, entry.logical_id)

        def undo() -> None:
            began = time.perf_counter()
            declared.change(self._cloud, replace(old, properties=properties), old.properties)
            self._tell("undo", state, old, began)

        self._undo.append(undo)
        changed = declared.change(self._cloud, old, properties)
        self._tell("update", state, changed, start)
        return changed

    def _outputs(self, state: StackState, resolver: Resolver) -> None:
        for name, body in state.template.outputs.items():
            if not resolver.stands(body):
                continue
            state.outputs[name] = resolver.resolve(body["Value"], f"Outputs.{name}.Value")
            if "Export" in body:
                export = resolver.resolve(body["Export"]["Name"], f"Outputs.{name}.Export.Name")
                if export in self.after.exports:
                    raise TemplateError(f"Outputs.{name}: another output exports {export} already.")
                state.exports[export] = state.outputs[name]

    def _doomed(self) -> Iterator[tuple[StackState, Entry, Resource]]:
        for state in reversed(self._before.stacks.values()):
            now = self.after.stacks.get(state.name)
            for logical_id, resource in reversed(state.resources.items()):
                gone = now is None or logical_id not in now.resources
                if gone or (state.name, logical_id) in self._replaced:
                    yield state, state.template.entries[logical_id], resource

    def _tell(self, action: Action, state: StackState, resource: Resource, start: float) -> None:
        if self._on_change:
            path = state.template.path(resource.logical_id)
            seconds = time.perf_counter() - start
            named = (state.name, resource.logical_id, resource.type, path, resource.physical_id)
            self._on_change(Change(action, *named, seconds))

    def _failed(self, state: StackState, entry: Entry, cause: Exception) -> DeploymentFailed:
        return DeploymentFailed(state.name, cause, entry, state.template.path(entry.logical_id))


def _check_names(old: Resource, properties: Mapping[str, Any]) -> None:
    name = resource_type(old.type, old.logical_id).name
    if name and name.collides(old.properties, properties):
        raise CustomNameError(
            f"this change asks for a replacement, which cannot stand beside the old one because {name.property} "
            f"fixes their name: give it another name and deploy again."
        )
