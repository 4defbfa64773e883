"""Deploys synthesised cloud assemblies to one account and region of the local cloud."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

from botocore.exceptions import ClientError

from millrace.local.cloudformation.assembly import Assembly, Stack
from millrace.local.cloudformation.assets import Assets
from millrace.local.cloudformation.deployment import Change, Deployment, DeploymentError
from millrace.local.cloudformation.parameters import ParameterError, given_or_default, resolve_parameters
from millrace.local.cloudformation.refusals import Options, check
from millrace.local.cloudformation.registry import TYPES, Cloud, UnsupportedError
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.registry.stored_types import effects_missing
from millrace.local.cloudformation.rollout import Rollout
from millrace.local.cloudformation.template import TemplateError
from millrace.local.core.backends import Environment

_log = logging.getLogger(__name__)
HOME_ONLY = frozenset({"AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api", "AWS::StepFunctions::StateMachine"})
"""Types that the local cloud supports only in its first account and region."""


class Deployer:
    """Deploys assemblies to one account and region, `environment`. Stacks without an environment belong to `home`.

    `clients` returns the boto3 client of a service, cached because creating one is slow. `assets` is a folder that
    caches the zips of asset folders between runs. A seeded `random` makes physical names reproducible.

    A deployment changes the stacks of its own assembly only. Hold the `lock` to change `deployment`.
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
        self._stacks_of: dict[Path, set[str]] = {}
        self._assets = Assets(clients, environment[1], assets)
        self._random = random or Random()  # noqa: S311 - names are not secret

    def deploy(
        self, folder: Path, on_change: Callable[[Change], None] | None = None, options: Options | None = None
    ) -> Deployment:
        """Deploy the stacks of an assembly. Raises DeploymentError after rolling back.

        What is not supported is reported at once, before any resource is created, by a RefusedDeploymentError.
        Resources that the assembly no longer has are deleted last; if a deletion fails, nothing is rolled back.
        """
        stacks = [stack for stack in Assembly.read(folder, self._home).stacks if stack.environment == self._environment]
        options = options or Options()
        self.check(stacks, options)
        with self.lock:
            names = {stack.name for stack in stacks}
            previous = self._stacks_of.get(folder.resolve(), set())
            others = [name for name in self.deployment.stacks if self.deployment.root(name) not in previous | names]
            rollout = self.rollout(on_change, keep=others, skip=options.skip)
            try:
                for stack in stacks:
                    self._deploy_stack(rollout, stack, options)
            except DeploymentError as failure:
                rollout.roll_back(failure)
                raise
            self.deployment = rollout.after
            self._stacks_of[folder.resolve()] = names
            rollout.delete_removed()
            return self.deployment

    def has_stacks_of(self, folder: Path) -> bool:
        """Return whether stacks of an assembly are deployed."""
        return bool(self._stacks_of.get(folder.resolve()))

    def check(self, stacks: Iterable[Stack], options: Options) -> None:
        """Raise RefusedDeploymentError for everything that the local cloud does not support here."""
        check(stacks, options, lambda stack: [*self._outside_home(stack), *self._without_value(stack, options)])

    def rollout(
        self,
        on_change: Callable[[Change], None] | None,
        *,
        keep: Iterable[str] = (),
        skip: frozenset[str] = frozenset(),
    ) -> Rollout:
        """Return a rollout that starts from the current deployment. To commit it, assign `after` to `deployment`."""
        return Rollout(self.cloud, self.deployment, self._random, on_change, keep=keep, skip=skip)

    def destroy(self, on_change: Callable[[Change], None] | None = None, *, include_retained: bool = False) -> None:
        """Delete every resource in reverse order of creation; by default, keep those with DeletionPolicy Retain."""
        with self.lock:
            rollout = self.rollout(on_change)
            rollout.delete_removed(include_retained=include_retained)
            self.deployment, self._stacks_of = rollout.after, {}
            self._assets.delete()

    def check_environment(self, stack: Stack) -> None:
        """Raise DeploymentError if a stack outside `home` has a resource that the local cloud supports only there."""
        for refusal in self._outside_home(stack):
            raise refusal

    def _outside_home(self, stack: Stack) -> Iterator[DeploymentError]:
        if self._environment == self._home:
            return
        for definition in stack.template.resources.values():
            if definition.type in HOME_ONLY:
                home, current = " in ".join(self._home), " in ".join(self._environment)
                reason = f"it is supported only in {home}, not in {current}"
                error = UnsupportedError(definition.type, definition.logical_id, reason)
                yield DeploymentError(stack, error, definition)

    def _without_value(self, stack: Stack, options: Options) -> Iterator[DeploymentError]:
        given = self._given(stack, options)
        for name, body in stack.template.parameters.items():
            try:
                given_or_default(name, body, given)
            except ParameterError as error:
                yield DeploymentError(stack, error)

    def _given(self, stack: Stack, options: Options) -> dict[str, str]:
        """Return the given parameter values and those of the previous deployment, as `cdk deploy` uses them."""
        state = self.deployment.stacks.get(stack.name)
        declared = stack.template.body.get("Parameters", {}).keys()
        previous = {name: value for name, value in state.parameters.items() if name in declared} if state else {}
        return previous | options.parameters_of(stack)

    def _deploy_stack(self, rollout: Rollout, stack: Stack, options: Options) -> None:
        given = self._given(stack, options)
        for logical_id, name in options.skipped(stack).items():
            _log.warning("%s.%s (%s) is skipped; references to it have placeholders.", stack.name, logical_id, name)
        _warn_of_stored_types(stack, options)
        try:
            self._assets.publish(stack.assets)
            parameters = resolve_parameters(stack.template, given, self.cloud.clients)
        except (TemplateError, ClientError, OSError) as error:
            raise DeploymentError(stack, error) from error
        rollout.deploy(stack, parameters).parameters = given


def _warn_of_stored_types(stack: Stack, options: Options) -> None:
    resources = stack.template.resources
    types = {each.type for name, each in resources.items() if name not in options.skipped(stack)} - TYPES.keys()
    for reason, names in effects_missing(types):
        _log.warning("%s: %s: stored with the stack only, because %s.", stack.name, ", ".join(names), reason)
