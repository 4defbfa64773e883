"""The accounts and regions of a local cloud, each with its own services and resources, as on AWS.

The first call that is signed for another account or region opens it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.backends import Environment
from millrace.local.core.faults import Faults, Rates
from millrace.local.core.history import EventHistory
from millrace.local.core.scheduler import Scheduler
from millrace.local.core.service import Service
from millrace.local.workers import Executor


class AccountRegions:
    """Every open account and region, and what they share. `home` is the one that is always open."""

    def __init__(  # noqa: PLR0913 - what the regions share
        self,
        scheduler: Scheduler,
        workers: Executor,
        cache: Path,
        home: Environment,
        services: Sequence[type[Service]],
        shared: Mapping[type, Any],
        *,
        enforce_iam: bool = True,
        concurrency: int | None = None,
    ) -> None:
        self.scheduler = scheduler
        self.workers = workers
        self.cache = cache
        self.services = services
        self.shared = shared
        """What services share in all accounts and regions, by class."""
        self.enforce_iam = enforce_iam
        self.concurrency = self._default_concurrency = concurrency
        """The maximum of concurrent executions of functions in an account and region; None for no limit."""
        self.history = EventHistory(scheduler.clock)
        self.faults = Faults()
        self._regions: dict[Environment, AccountRegion] = {}
        self._home = home
        self.open(*home)

    def __iter__(self) -> Iterator[AccountRegion]:
        """Iterate over every open account and region."""
        return iter(list(self._regions.values()))

    @property
    def home(self) -> AccountRegion:
        """The account and region that is always open."""
        return self._regions[self._home]

    def open(self, account: str, region: str) -> AccountRegion:
        """Return an account and region; open it on first use."""
        environment = (account, region)
        if environment not in self._regions:
            self._regions[environment] = AccountRegion(self, account, region)
        return self._regions[environment]

    def inject(self, faults: Faults) -> None:
        """Replace the source of faults in every account and region."""
        self.faults = faults
        for region in self:
            region.faults = faults

    def owner(self, arn: str, default: AccountRegion) -> AccountRegion | None:
        """Return the account and region of an ARN, from `default` where it names none; None if it is not open."""
        _, _, _, region, account, *_ = (*arn.split(":", 5), "", "", "", "")
        return self._regions.get((account or default.account, region or default.name))

    def reset(self) -> None:
        """Reset every account and region, and close all but home."""
        from moto.moto_api._internal.models import moto_api_backend

        for region in self:
            for service in region.services:
                service.retire()
        moto_api_backend.reset()
        for region in self:
            region.reset()
        self.history.reset()
        self.faults.set(Rates(), seed=0)
        self.concurrency = self._default_concurrency
        self._regions = {self._home: self.home}
