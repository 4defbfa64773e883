"""`SimulatedCloud`: the local cloud without processes, sockets and real time."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from unittest.mock import patch

from millrace.events import ids
from millrace.local import services
from millrace.local.base import ACCOUNT, HOME, REGION, Cloud
from millrace.local.cloudformation.deployments import Deployments
from millrace.local.core import moto_changes
from millrace.local.core.account_region import AccountRegion
from millrace.local.core.account_regions import AccountRegions
from millrace.local.core.http import Request, Response
from millrace.local.endpoint.app import Endpoint
from millrace.local.endpoint.moto import moto_application
from millrace.local.endpoint.origins import Origins
from millrace.local.services.eventbridge import connections
from millrace.local.services.iam import Credentials, Iam, Sessions
from millrace.local.services.lambda_ import Lambda
from millrace.local.simulation.calls import Calls
from millrace.local.simulation.clients import Clients, Needed
from millrace.local.simulation.executor import InProcessExecutor
from millrace.local.simulation.faults import SimulatedFaults
from millrace.local.simulation.moto_state import MotoState
from millrace.local.simulation.scheduler import SimulatedScheduler
from millrace.local.simulation.story import Story
from millrace.local.simulation.surroundings import Switch
from millrace.local.simulation.tasks import no_threads, virtual_alarms
from millrace.local.simulation.time_and_entropy import START, VirtualClock, entropy

_ENDPOINT = "http://127.0.0.1:4566"
"""The address in URLs. Nothing listens there."""
T = TypeVar("T")


class SimulatedCloud(Cloud):
    """A local cloud that runs in the caller's thread. Use it within `running`.

    Handlers run in this process, one at a time. Time passes only when nothing else can happen. HTTP APIs and
    connections to other hosts are refused.
    """

    def __init__(self, *, cache: Path = Path(".millrace"), enforce_iam: bool = True, start: float = START) -> None:
        self._cache = cache.resolve()
        self._enforce_iam = enforce_iam
        self._moto = MotoState()
        self._switch = Switch()
        self.clock = VirtualClock(start)
        self.scheduler: SimulatedScheduler = SimulatedScheduler(self.clock)
        self.story = Story(self.clock)
        self.faults: SimulatedFaults | None = None
        self.host: Callable[[connections.HttpRequest], connections.HttpResponse] = _unreachable
        """Answers the HTTP requests of API destinations and OAuth connections."""
        with self._moto.in_force(), entropy(0):
            self._build()

    def _build(self) -> None:
        moto_changes.settings(int(os.environ.get("MOTO_PORT", "4566")))  # an other local cloud has its own
        self._changes = [module.apply for module in services.modules("moto_changes")]
        self._sessions = Sessions(ACCOUNT, Credentials.dummy(), verified=False)
        variables = self.environment() | {"AWS_ENDPOINT_URL": _ENDPOINT}
        self._calls = Calls(self.scheduler, self._switch, self._answer)
        self._calls.observe = self.story.called
        self._clients = Clients(self._switch, self._calls.direct)
        self._executor = InProcessExecutor(self.scheduler, self._switch, self._clients, variables, self._cache)
        self._regions = AccountRegions(
            self.scheduler,
            self._executor,
            self._cache,
            HOME,
            services.service_classes(),
            {Sessions: self._sessions},
            enforce_iam=self._enforce_iam,
        )
        self.region = self._regions.home
        self._regions.history.observe = self.story.happened
        self._endpoint = Endpoint(
            self._regions, moto_application(), _no_control, {"cloudformation": self._answer_cloudformation}, Origins(())
        )
        self._deployments = Deployments(
            lambda environment: self.environment(*environment),
            self.scheduler,
            HOME,
            assets=self._cache / "assets",
            random=Random(0),  # noqa: S311 - names, not secrets
        )

    async def _answer(self, request: Request) -> Response:
        return await self._endpoint.answer(request)

    def _answer_cloudformation(self, region: AccountRegion, request: Request) -> Response:
        return self._deployments.cloudformation((region.account, region.name)).respond(request)

    @contextmanager
    def running(self, seed: int = 0, faults: SimulatedFaults | None = None) -> Iterator[None]:
        """Run this process in virtual time, with entropy from a seed and the given faults."""
        with ExitStack() as stack:
            stack.enter_context(self._moto.in_force())
            stack.enter_context(moto_changes.attached(self._regions, self._changes))
            stack.enter_context(self.clock.in_force(self._calls.sleep))
            stack.enter_context(virtual_alarms(self.clock))
            stack.enter_context(no_threads())
            stack.enter_context(entropy(seed))
            stack.enter_context(patch.object(ids, "_last_tick", 0))  # of events from before, in real time
            stack.enter_context(self._calls.in_force())
            stack.enter_context(self._clients.in_force())
            stack.enter_context(patch.object(connections, "send", lambda request, _timeout: self.host(request)))
            stack.enter_context(patch.object(ThreadPoolExecutor, "submit", _submit))
            self._inject(faults)
            yield

    def _inject(self, faults: SimulatedFaults | None) -> None:
        self.faults = self._calls.faults = self.scheduler.faults = faults
        if faults:
            faults.observe = self.story.injected
            self._regions.inject(faults)

    def on_loop(self, action: Callable[[], T]) -> T:
        """Run a function and return its result."""
        return action()

    def environment(self, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """Return the environment variables with which boto3 uses this cloud in this process."""
        return self._environment(_ENDPOINT, account, region)

    def request(self, request: Request) -> Response:
        """Return the response to a request for AWS or an HTTP API."""
        return self._calls.request(request)

    def warm(self) -> None:
        """Load every function, so that runs need not."""
        functions = self.region.service(Lambda).functions
        for name in self.region.backends.lambda_._lambdas._functions:  # noqa: SLF001 - moto's
            function = functions.find(name)
            self._executor.load(functions.spec(function))
            self.region.service(Iam).access.prepare(function.role)

    def exchange_functions(self, other: "SimulatedCloud") -> None:
        """Exchange the loaded functions with those of another cloud with the same stacks."""
        self._executor.exchange(other._executor)  # noqa: SLF001 - of the same class

    def record(self) -> None:
        """Record calls of AWS for `needed`."""
        self._calls.direct.recording = True

    @property
    def needed(self) -> Needed:
        """What functions needed since `record`, besides what was loaded with them."""
        return self._executor.needed() if self._calls.direct.recording else {}

    def prepare(self, needed: Needed) -> None:
        """Make in advance what functions needed in an earlier run, so that runs need not."""
        with self.running():
            self._executor.prepare(needed)

    def settle(self, timeout: float = 0.0) -> None:  # noqa: ARG002 - of real time
        """Run until no event, retry, message, batch or execution is in progress. Raises NotSettledError."""
        self.scheduler.settle()

    def advance(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Let virtual time pass. Everything that is due meanwhile runs, schedules too."""
        self.scheduler.advance(hours * 3600 + seconds)


def _submit(_pool: Any, work: Callable[..., Any], /, *args: Any, **options: Any) -> "Future[Any]":
    """Run the work of a thread pool at once, in the caller's thread."""
    future: Future[Any] = Future()
    try:
        future.set_result(partial(work, *args, **options)())
    except Exception as error:  # noqa: BLE001 - raised again by result()
        future.set_exception(error)
    return future


def _unreachable(request: connections.HttpRequest) -> connections.HttpResponse:
    raise ConnectionRefusedError(f"A simulation reaches no other host: answer {request.url} with serve().")


async def _no_control(_request: Request) -> Response:
    return Response.error("AccessDenied", "A simulation has no API of its own.", 403)
