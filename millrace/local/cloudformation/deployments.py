"""What stands in each account and region of a local cloud, how it comes there, and clients to look at it."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from millrace.local.cloudformation.assembly import Assembly
from millrace.local.cloudformation.deployment import Change, Deployment, StackState
from millrace.local.cloudformation.loader import Loader
from millrace.local.core.backends import Environment
from millrace.local.core.botocore_models import session
from millrace.local.core.scheduler import Scheduler

if TYPE_CHECKING:
    from millrace.local.cloudformation.api import CloudFormation

Variables = Callable[[Environment], dict[str, str]]


class Deployments:
    """A loader for each account and region that something is deployed to; `home` takes what names none.

    `variables` gives the environment variables with which an SDK reaches the cloud from an account and region.
    """

    def __init__(
        self, variables: Variables, scheduler: Scheduler, home: Environment, *, assets: Path, random: Random
    ) -> None:
        self._variables = variables
        self._scheduler = scheduler
        self._home = home
        self._assets = assets
        self._random = random
        self._loaders: dict[Environment, Loader] = {}
        self._formations: dict[Environment, CloudFormation] = {}

    @cache  # noqa: B019 - a cloud lives as long as its clients
    def client(self, environment: Environment, service: str) -> Any:
        """A boto3 client, whatever the machine's own credentials are."""
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        config = Config(inject_host_prefix=False)  # StartSyncExecution would go to sync-127.0.0.1
        return self._session(environment).client(service, endpoint_url=self._url(environment), config=config)

    @cache  # noqa: B019 - the same
    def resource(self, environment: Environment, service: str) -> Any:
        """A boto3 resource."""
        return self._session(environment).resource(service, endpoint_url=self._url(environment))

    @cache  # noqa: B019 - the same
    def _session(self, environment: Environment) -> Any:
        return session(environment[1], self._variables(environment))

    def _url(self, environment: Environment) -> str:
        return self._variables(environment)["AWS_ENDPOINT_URL"]

    def loader(self, environment: Environment) -> Loader:
        """That of an account and region."""
        if environment not in self._loaders:
            clients = partial(self.client, environment)
            self._loaders[environment] = Loader(
                clients, environment, assets=self._assets, home=self._home, random=self._random
            )
        return self._loaders[environment]

    def formation(self, environment: Environment) -> "CloudFormation":
        """CloudFormation's API there, over the same loader."""
        from millrace.local.cloudformation.api import CloudFormation  # noqa: PLC0415 - the loader does without it

        if environment not in self._formations:
            self._formations[environment] = CloudFormation(self.loader(environment), self._scheduler)
        return self._formations[environment]

    @property
    def stacks(self) -> dict[str, StackState]:
        """What stands anywhere, by its name; of two with one name, what is at home last."""
        loaders = sorted(self._loaders.items(), key=lambda each: each[0] == self._home)
        return {name: state for _, loader in loaders for name, state in loader.deployment.stacks.items()}

    def deploy(self, folder: Path, on_change: Callable[[Change], None] | None) -> Deployment:
        """Bring the stacks of an assembly to where they say that they are for, one account and region after another.

        What is no more in it is taken away, and each is rolled back on its own. Gives what stands anywhere.
        """
        places = Assembly.read(folder, self._home).environments
        places += [
            environment
            for environment, loader in self._loaders.items()
            if loader.knows(folder) and environment not in places
        ]
        for environment in places:
            self.loader(environment).deploy(folder, on_change)
        return Deployment(self.stacks)

    def forget(self) -> None:
        """Take it that nothing stands, as after a reset of the cloud."""
        self._loaders.clear()
        self._formations.clear()
