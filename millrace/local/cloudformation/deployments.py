"""What stands in each account and region of a local cloud, how it comes there, and clients to look at it."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from millrace.local.cloudformation.assembly import Assembly, Place
from millrace.local.cloudformation.deployment import Change, Deployment, StackState
from millrace.local.cloudformation.loader import Loader
from millrace.local.core.botocore_models import session
from millrace.local.core.scheduler import Scheduler

if TYPE_CHECKING:
    from millrace.local.cloudformation.api import CloudFormation

Environment = Callable[[Place], dict[str, str]]


class Deployments:
    """A loader for each account and region that something is deployed to; `home` takes what names none.

    `environment` gives what lets a client talk to the cloud, from within a place.
    """

    def __init__(
        self, environment: Environment, scheduler: Scheduler, home: Place, *, assets: Path, random: Random
    ) -> None:
        self._environment = environment
        self._scheduler = scheduler
        self._home = home
        self._assets = assets
        self._random = random
        self._loaders: dict[Place, Loader] = {}
        self._formations: dict[Place, CloudFormation] = {}

    @cache  # noqa: B019 - a cloud lives as long as its clients
    def client(self, place: Place, service: str) -> Any:
        """A boto3 client, whatever the machine's own credentials are."""
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        config = Config(inject_host_prefix=False)  # StartSyncExecution would go to sync-127.0.0.1
        return self._session(place).client(service, endpoint_url=self._url(place), config=config)

    @cache  # noqa: B019 - the same
    def resource(self, place: Place, service: str) -> Any:
        """A boto3 resource."""
        return self._session(place).resource(service, endpoint_url=self._url(place))

    @cache  # noqa: B019 - the same
    def _session(self, place: Place) -> Any:
        return session(place[1], self._environment(place))

    def _url(self, place: Place) -> str:
        return self._environment(place)["AWS_ENDPOINT_URL"]

    def loader(self, place: Place) -> Loader:
        """That of an account and region."""
        if place not in self._loaders:
            clients = partial(self.client, place)
            self._loaders[place] = Loader(clients, place, assets=self._assets, home=self._home, random=self._random)
        return self._loaders[place]

    def formation(self, place: Place) -> "CloudFormation":
        """CloudFormation's API there, over the same loader."""
        from millrace.local.cloudformation.api import CloudFormation  # noqa: PLC0415 - the loader does without it

        if place not in self._formations:
            self._formations[place] = CloudFormation(self.loader(place), self._scheduler)
        return self._formations[place]

    @property
    def stacks(self) -> dict[str, StackState]:
        """What stands anywhere, by its name; of two with one name, what is at home last."""
        loaders = sorted(self._loaders.items(), key=lambda each: each[0] == self._home)
        return {name: state for _, loader in loaders for name, state in loader.deployment.stacks.items()}

    def deploy(self, folder: Path, on_change: Callable[[Change], None] | None) -> Deployment:
        """Bring the stacks of an assembly to where they say that they are for, one account and region after another.

        What is no more in it is taken away, and each is rolled back on its own. Gives what stands anywhere.
        """
        places = Assembly.read(folder, self._home).places
        places += [place for place, loader in self._loaders.items() if loader.knows(folder) and place not in places]
        for place in places:
            self.loader(place).deploy(folder, on_change)
        return Deployment(self.stacks)

    def forget(self) -> None:
        """Take it that nothing stands, as after a reset of the cloud."""
        self._loaders.clear()
        self._formations.clear()
