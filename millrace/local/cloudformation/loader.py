"""Deploys a synthesised assembly into the local cloud, and again and again as it changes."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.assembly import Assembly, Stack
from millrace.local.cloudformation.assets import Assets
from millrace.local.cloudformation.deployment import Change, Deployment, DeploymentFailed
from millrace.local.cloudformation.parameters import resolved
from millrace.local.cloudformation.registry import IGNORED, Cloud, Refused, resource_type
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.rollout import Rollout
from millrace.local.cloudformation.template import Entry, TemplateError
from millrace.local.core.backends import Environment

__all__ = ["Change", "Deployment", "DeploymentFailed", "Loader"]

AT_HOME = frozenset({"AWS::ApiGatewayV2::Api", "AWS::StepFunctions::StateMachine"})
"""Types that the local cloud has in its first account and region alone: what it serves or runs for them is of that."""


class NotElsewhere(Refused):
    """A resource type of the first account and region alone."""


class Loader:
    """Keeps the resources of assemblies in one account and region, `environment`; stacks that name none are at `home`.

    `clients` gives the boto3 client of a service, the same one each time: making one is slow. `assets` is a folder
    for the zips of asset folders, which outlive the loader. `random` makes names; a seed fixes them.

    A deployment is of the stacks of its own assembly: those of another folder, and those that came through
    CloudFormation's API, are left as they are. Whoever changes `deployment` holds the `lock`.
    """

    def __init__(
        self,
        clients: Clients,
        environment: Environment,
        *,
        assets: Path,
        home: Environment | None = None,
        random: Random | None = None,
    ) -> None:
        self.deployment = Deployment()
        self.lock = threading.RLock()
        self.cloud = Cloud(clients, *environment)
        self._environment = environment
        self._home = home or environment
        self._own: dict[Path, set[str]] = {}
        self._assets = Assets(clients, environment[1], assets)
        self._random = random or Random()  # noqa: S311 a name is no secret

    def deploy(self, folder: Path, on_change: Callable[[Change], None] | None = None) -> Deployment:
        """Make the cloud what the assembly says. Raises DeploymentFailed, after which the cloud is as it was before.

        What is refused by name stops it before anything is made. Resources that are gone are deleted at the end;
        failing there rolls nothing back.
        """
        stacks = [stack for stack in Assembly.read(folder, self._home).stacks if stack.environment == self._environment]
        for stack in stacks:
            check(stack)
            self.check_place(stack)
        with self.lock:
            own = {stack.name for stack in stacks}
            before = self._own.get(folder.resolve(), set())
            others = [name for name in self.deployment.stacks if name not in before | own]
            rollout = self.rollout(on_change, keeping=others)
            try:
                for stack in stacks:
                    self._bring(rollout, stack)
            except DeploymentFailed as failure:
                rollout.roll_back(failure)
                raise
            self.deployment = rollout.after
            self._own[folder.resolve()] = own
            rollout.clear()
            return self.deployment

    def knows(self, folder: Path) -> bool:
        """Whether stacks of an assembly stand here."""
        return bool(self._own.get(folder.resolve()))

    def rollout(self, on_change: Callable[[Change], None] | None, *, keeping: Iterable[str] = ()) -> Rollout:
        """A run from what stands now; what comes of it stands once `deployment` is its `after`."""
        return Rollout(self.cloud, self.deployment, self._random, on_change, keeping=keeping)

    def destroy(self, on_change: Callable[[Change], None] | None = None, *, retained: bool = False) -> None:
        """Delete every resource, last made first; with `retained` also those whose DeletionPolicy is Retain."""
        with self.lock:
            rollout = self.rollout(on_change)
            rollout.clear(retained=retained)
            self.deployment, self._own = rollout.after, {}
            self._assets.withdraw()

    def forget(self) -> None:
        """Take it that nothing stands, as after a reset of the cloud."""
        self.deployment, self._own = Deployment(), {}
        self._assets.forget()

    def check_place(self, stack: Stack) -> None:
        """Raise DeploymentFailed for a type that the local cloud has at home alone, where this is not home."""
        for entry in stack.template.entries.values() if self._environment != self._home else ():
            if entry.type in AT_HOME:
                home, here = " in ".join(self._home), " in ".join(self._environment)
                message = f"the local cloud supports it only in {home}, not in {here}"
                refused = NotElsewhere(entry.type, entry.logical_id, message)
                raise DeploymentFailed(stack.name, refused, entry, stack.template.path(entry.logical_id))

    def _bring(self, rollout: Rollout, stack: Stack) -> None:
        """Bring a stack with the parameters that were given for it before, as `cdk deploy` does."""
        before = self.deployment.stacks.get(stack.name)
        known = stack.template.body.get("Parameters", {}).keys()
        given = {name: value for name, value in before.parameters.items() if name in known} if before else {}
        try:
            self._assets.publish(stack.assets)
            parameters = resolved(stack.template, given, self.cloud.clients)
        except (TemplateError, ClientError, OSError) as error:
            raise DeploymentFailed(stack.name, error) from error
        rollout.bring(stack, parameters).parameters = given


def check(stack: Stack) -> None:
    """Raise DeploymentFailed for the first type, property or attribute that the registry does not know."""
    for entry in stack.template.entries.values():
        if entry.type not in IGNORED:
            try:
                _check_entry(stack, entry)
            except (Refused, TemplateError) as error:
                path = stack.template.path(entry.logical_id)
                raise DeploymentFailed(stack.name, error, entry, path) from error
    try:
        _check_references(stack, "Outputs", stack.template.outputs)
    except (Refused, TemplateError) as error:
        raise DeploymentFailed(stack.name, error) from error


def _check_entry(stack: Stack, entry: Entry) -> None:
    resource_type(entry.type, entry.logical_id).check(entry.logical_id, entry.properties)
    _check_references(stack, entry.logical_id, entry.properties)


def _check_references(stack: Stack, asking: str, value: Any) -> None:
    for reference in stack.template.references(value, asking):
        target = stack.template.entries.get(reference.logical_id)
        if reference.attribute is not None and target is not None:
            resource_type(target.type, target.logical_id).check_attribute(asking, reference.attribute)
