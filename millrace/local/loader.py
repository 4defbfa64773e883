"""Deploys a synthesised assembly into the local cloud, and again and again as it changes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from millrace.local.assembly import Assembly, AssemblyError, Stack
from millrace.local.assets import Assets
from millrace.local.deployment import Change, Deployment, DeploymentFailed
from millrace.local.registry import IGNORED, Cloud, Refused, resource_type
from millrace.local.registry.calls import Clients
from millrace.local.rollout import Rollout
from millrace.local.template import Entry, TemplateError

__all__ = ["Change", "Deployment", "DeploymentFailed", "Loader"]

_FROM_SSM = "AWS::SSM::Parameter::Value<"


class Loader:
    """Keeps the resources of an assembly in one local cloud.

    `clients` gives the boto3 client of a service, the same one each time: making one is slow. `assets` is a folder
    for the zips of asset folders, which outlive the loader. `random` makes names; a seed fixes them.
    """

    def __init__(
        self, clients: Clients, *, account: str, region: str, assets: Path, random: Random | None = None
    ) -> None:
        self.deployment = Deployment()
        self._cloud = Cloud(clients, account, region)
        self._assets = Assets(clients, region, assets)
        self._random = random or Random()  # noqa: S311 a name is no secret

    def deploy(self, folder: Path, on_change: Callable[[Change], None] | None = None) -> Deployment:
        """Make the cloud what the assembly says. Raises DeploymentFailed, after which the cloud is as it was before.

        What is refused by name stops it before anything is made. Resources that are gone are deleted at the end;
        failing there rolls nothing back.
        """
        assembly = Assembly.read(folder, account=self._cloud.account, region=self._cloud.region)
        for stack in assembly.stacks:
            self._check(stack)
        rollout = Rollout(self._cloud, self.deployment, self._random, on_change)
        try:
            for stack in assembly.stacks:
                self._assets.publish(stack.assets)
                rollout.bring(stack, dict(self._parameters(stack)))
        except DeploymentFailed as failure:
            rollout.roll_back(failure)
            raise
        self.deployment = rollout.after
        rollout.clear()
        return self.deployment

    def destroy(self, on_change: Callable[[Change], None] | None = None, *, retained: bool = False) -> None:
        """Delete every resource, last made first; with `retained` also those whose DeletionPolicy is Retain."""
        rollout = Rollout(self._cloud, self.deployment, self._random, on_change)
        rollout.clear(retained=retained)
        self.deployment = rollout.after
        self._assets.withdraw()

    def forget(self) -> None:
        """Take it that nothing stands, as after a reset of the cloud."""
        self.deployment = Deployment()
        self._assets.forget()

    def _check(self, stack: Stack) -> None:
        for given, own in ((stack.account, self._cloud.account), (stack.region, self._cloud.region)):
            if given not in (None, own):
                raise AssemblyError(f"The stack {stack.name} is for {given}, and the local cloud is {own}.")
        for entry in stack.template.entries.values():
            if entry.type not in IGNORED:
                try:
                    _check_entry(stack, entry)
                except (Refused, TemplateError) as error:
                    path = stack.template.path(entry.logical_id)
                    raise DeploymentFailed(stack.name, error, entry, path) from error

    def _parameters(self, stack: Stack) -> Iterator[tuple[str, Any]]:
        for name, body in stack.template.parameters.items():
            if "Default" not in body:
                raise DeploymentFailed(stack.name, f"the parameter {name} has no default, and none is given.")
            yield name, self._parameter(body)

    def _parameter(self, body: Mapping[str, Any]) -> Any:
        kind, value = str(body.get("Type", "String")), str(body["Default"])
        if kind.startswith(_FROM_SSM):
            client: Any = self._cloud.clients("ssm")
            value, kind = client.get_parameter(Name=value)["Parameter"]["Value"], kind.removeprefix(_FROM_SSM)
        listed = kind.startswith(("CommaDelimitedList", "List<"))
        return [each.strip() for each in value.split(",")] if listed else value


def _check_entry(stack: Stack, entry: Entry) -> None:
    resource_type(entry.type, entry.logical_id).check(entry.logical_id, entry.properties)
    entries = stack.template.entries
    for reference in stack.template.references(entry.properties, entry.place):
        if reference.attribute is not None and reference.logical_id in entries:
            target = entries[reference.logical_id]
            resource_type(target.type, target.logical_id).check_attribute(entry.logical_id, reference.attribute)
