"""The accounts and regions of a local cloud: each has a plane of its own, as each has resources of its own on AWS.

There is one at the beginning; another is opened by the first call that is signed for it.
"""

from collections.abc import Iterator
from pathlib import Path

from millrace.local.cloudformation.assembly import Place
from millrace.local.core.account_region import AccountRegion
from millrace.local.core.backends import Backends
from millrace.local.core.faults import Faults, Rates
from millrace.local.core.history import EventHistory
from millrace.local.core.http import Request
from millrace.local.core.scheduler import Scheduler
from millrace.local.services.iam import Sessions, scope_of
from millrace.local.workers import Workers


class AccountRegions:
    """What all planes share, and the planes; `home` is the one that was there first."""

    def __init__(
        self, scheduler: Scheduler, workers: Workers, code: Path, home: Place, *, enforce_iam: bool = True
    ) -> None:
        self.scheduler = scheduler
        self.workers = workers
        self.code = code
        self.enforce_iam = enforce_iam
        self.history = EventHistory(scheduler.clock)
        self.faults = Faults()
        self.sessions = Sessions(home[0])
        self._regions: dict[Place, AccountRegion] = {}
        self.home = self.open(*home)

    def __iter__(self) -> Iterator[AccountRegion]:
        """Every plane."""
        return iter(list(self._regions.values()))

    def open(self, account: str, region: str) -> AccountRegion:
        """The plane of an account and region, made when it is first asked for."""
        place = (account, region)
        if place not in self._regions:
            self._regions[place] = AccountRegion(self, Backends(account, region))
        return self._regions[place]

    def of_request(self, request: Request) -> AccountRegion:
        """The plane that a request is for: of the signer's account, and of the region that it is signed for."""
        scope = scope_of(request)
        return self.open(self.sessions.account_of(scope.key), scope.region) if scope else self.home

    def of_arn(self, arn: str, asking: AccountRegion) -> AccountRegion | None:
        """The plane in which an ARN is; None where nobody has opened that account and region."""
        own = asking.backends
        _, _, _, region, account, *_ = (*arn.split(":", 5), "", "", "", "")
        return self._regions.get((account or own.account, region or own.region))

    def forget(self) -> None:
        """Empty every store, and close all but home."""
        from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415 - as in state.py

        for region in self:
            region.retire()
        moto_api_backend.reset()
        for region in self:
            region.forget()
        self.history.forget()
        self.faults.set(Rates(), seed=0)
        self._regions = {place: region for place, region in self._regions.items() if region is self.home}
