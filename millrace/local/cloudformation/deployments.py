"""The deployers and boto3 clients of every account and region of a local cloud."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from millrace.local.cloudformation.assembly import Assembly
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.cloudformation.deployment import Change, Deployment, DeploymentError, StackState
from millrace.local.cloudformation.parameters import ParameterError
from millrace.local.cloudformation.refusals import Options, RefusedDeploymentError
from millrace.local.core.backends import Environment
from millrace.local.core.botocore_models import session
from millrace.local.core.scheduler import Scheduler

if TYPE_CHECKING:
    from millrace.local.cloudformation.api import CloudFormation

Variables = Callable[[Environment], dict[str, str]]


class Deployments:
    """A deployer for each account and region in use. Stacks without an environment are deployed to `home`.

    `variables` returns the environment variables with which an SDK calls the cloud from an account and region.
    """

    def __init__(
        self, variables: Variables, scheduler: Scheduler, home: Environment, *, assets: Path, random: Random
    ) -> None:
        self._variables = variables
        self._scheduler = scheduler
        self._home = home
        self._assets = assets
        self._random = random
        self._deployers: dict[Environment, Deployer] = {}
        self._cloudformation: dict[Environment, CloudFormation] = {}

    @cache  # noqa: B019 - a cloud lives as long as its clients
    def client(self, environment: Environment, service: str) -> Any:
        """Return a boto3 client that ignores the machine's own credentials."""
        from botocore.config import Config

        session = self._session(environment)
        # StartSyncExecution would go to sync-127.0.0.1, and botocore would build the user agent twice for each request.
        config = Config(inject_host_prefix=False, user_agent=session._session.user_agent())  # noqa: SLF001 - boto3's own
        return session.client(service, endpoint_url=self._url(environment), config=config)

    @cache  # noqa: B019 - the same
    def resource(self, environment: Environment, service: str) -> Any:
        """Return a boto3 resource."""
        return self._session(environment).resource(service, endpoint_url=self._url(environment))

    @cache  # noqa: B019 - the same
    def _session(self, environment: Environment) -> Any:
        return session(environment[1], self._variables(environment))

    def _url(self, environment: Environment) -> str:
        return self._variables(environment)["AWS_ENDPOINT_URL"]

    def deployer(self, environment: Environment) -> Deployer:
        """Return the deployer of an account and region."""
        if environment not in self._deployers:
            clients = partial(self.client, environment)
            self._deployers[environment] = Deployer(
                clients, environment, assets=self._assets, home=self._home, random=self._random
            )
        return self._deployers[environment]

    def cloudformation(self, environment: Environment) -> "CloudFormation":
        """Return the CloudFormation API of an account and region."""
        from millrace.local.cloudformation.api import CloudFormation

        if environment not in self._cloudformation:
            self._cloudformation[environment] = CloudFormation(self.deployer(environment), self._scheduler)
        return self._cloudformation[environment]

    @property
    def stacks(self) -> dict[str, StackState]:
        """The stacks of all environments by name. `home` takes precedence if several have the same name."""
        home_last = sorted(self._deployers.items(), key=lambda each: each[0] == self._home)
        return {name: state for _, deployer in home_last for name, state in deployer.deployment.stacks.items()}

    def deploy(
        self, folder: Path, on_change: Callable[[Change], None] | None, options: Options | None = None
    ) -> Deployment:
        """Deploy the stacks of an assembly, one environment after another, and return all deployed stacks.

        Each environment is rolled back separately. Stacks that the assembly no longer has are deleted.
        Raises RefusedDeploymentError and DeploymentError.
        """
        assembly, options = Assembly.read(folder, self._home), options or Options()
        environments = assembly.environments
        _check_parameters(assembly, options)
        if len(environments) > 1:
            self._check(assembly, options)
        environments += [
            environment
            for environment, deployer in self._deployers.items()
            if deployer.has_stacks_of(folder) and environment not in environments
        ]
        for environment in environments:
            self.deployer(environment).deploy(folder, on_change, options)
        return Deployment(self.stacks)

    def _check(self, assembly: Assembly, options: Options) -> None:
        """Raise RefusedDeploymentError for what is refused in any environment."""
        refusals: list[DeploymentError] = []
        for environment in assembly.environments:
            stacks = [stack for stack in assembly.stacks if stack.environment == environment]
            try:
                self.deployer(environment).check(stacks, options)
            except RefusedDeploymentError as refused:
                refusals += refused.refusals
        if refusals:
            raise RefusedDeploymentError(refusals)

    def reset(self) -> None:
        """Drop all deployments after a reset of the cloud."""
        self._deployers.clear()
        self._cloudformation.clear()


def _check_parameters(assembly: Assembly, options: Options) -> None:
    """Raise ParameterError for a given parameter that no stack declares."""
    known = {name: stack.name for stack in assembly.stacks for name in stack.template.parameters}
    unknown = sorted(name for name in options.parameters if name.rpartition(":")[2] not in known)
    if unknown:
        raise ParameterError(f"No stack has the parameter {unknown[0]}. The parameters are {sorted(known) or 'none'}.")
