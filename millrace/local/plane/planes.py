"""The accounts and regions of a local cloud: each has a plane of its own, as each has resources of its own on AWS.

There is one at the beginning; another is opened by the first call that is signed for it.
"""

from collections.abc import Iterator
from pathlib import Path

from millrace.local.access import Sessions, scope_of
from millrace.local.agenda import Agenda
from millrace.local.assembly import Place
from millrace.local.journal import Journal
from millrace.local.messages import Request
from millrace.local.plane.faults import Faults, Rates
from millrace.local.plane.plane import Plane
from millrace.local.plane.state import State
from millrace.local.workers import Workers


class Planes:
    """What all planes share, and the planes; `home` is the one that was there first."""

    def __init__(
        self, agenda: Agenda, workers: Workers, code: Path, home: Place, sessions: Sessions, *, judging: bool = True
    ) -> None:
        self.agenda = agenda
        self.workers = workers
        self.code = code
        self.judging = judging
        self.journal = Journal(agenda.clock)
        self.faults = Faults()
        self.sessions = sessions
        self._planes: dict[Place, Plane] = {}
        self.home = self.open(*home)

    def __iter__(self) -> Iterator[Plane]:
        """Every plane."""
        return iter(list(self._planes.values()))

    def open(self, account: str, region: str) -> Plane:
        """The plane of an account and region, made when it is first asked for."""
        place = (account, region)
        if place not in self._planes:
            self._planes[place] = Plane(self, State(account, region))
        return self._planes[place]

    def of_request(self, request: Request) -> Plane:
        """The plane that a request is for: of the signer's account, and of the region that it is signed for."""
        scope = scope_of(request)
        return self.open(self.sessions.account_of(scope.key), scope.region) if scope else self.home

    def of_arn(self, arn: str, asking: Plane) -> Plane | None:
        """The plane in which an ARN is; None where nobody has opened that account and region."""
        own = asking.state
        _, _, _, region, account, *_ = (*arn.split(":", 5), "", "", "", "")
        return self._planes.get((account or own.account, region or own.region))

    def forget(self) -> None:
        """Empty every store, and close all but home."""
        from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415 - as in state.py

        for plane in self:
            plane.retire()
        moto_api_backend.reset()
        for plane in self:
            plane.forget()
        self.journal.forget()
        self.faults.set(Rates(), seed=0)
        self._planes = {place: plane for place, plane in self._planes.items() if plane is self.home}
