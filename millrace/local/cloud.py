"""A local cloud as one object: started, deployed to, settled, traced, closed."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from millrace.local import services
from millrace.local.cloudformation.deployment import Change, Deployment
from millrace.local.cloudformation.deployments import Deployments
from millrace.local.core import moto_changes
from millrace.local.core.account_region import AccountRegion
from millrace.local.core.account_regions import AccountRegions
from millrace.local.core.clock import Clock
from millrace.local.core.faults import Rates
from millrace.local.core.garbage import pause_garbage_collection
from millrace.local.core.http import Request, Response
from millrace.local.core.scheduler import NotSettledError, Scheduler
from millrace.local.endpoint.app import Endpoint
from millrace.local.endpoint.moto import moto_application
from millrace.local.endpoint.origins import Origins
from millrace.local.endpoint.server import HOST, Server, bound
from millrace.local.services.iam import Credentials, Sessions
from millrace.local.workers import Confinement, Debugging, Developer, Workers
from millrace.local.workers.terminal import has_terminal, read_line
from millrace.operations.trace import Trace

if TYPE_CHECKING:
    from millrace.events import Event, Metadata
    from millrace.local.cloudformation.deployer import Deployer
    from millrace.local.workers import FunctionSpec, Outcome
    from millrace.operations.history import Record
from millrace.local.endpoint.control import told

ACCOUNT = "123456789012"
REGION = "us-east-1"
_HOME = (ACCOUNT, REGION)
_PATIENCE = 60.0
_START_PATIENCE = 30.0
_SAME_MOMENT = 0.001
T = TypeVar("T")


class LocalCloud:
    """moto and the event plane behind a loopback endpoint, in this process; functions run in worker processes.

    moto's state is the process's, so there is one local cloud at a time. `port` 0 takes a free one. What is worth
    keeping between starts (unpacked code, archives) lies below `cache`. With `enforce_iam`, calls of functions
    are authorized by their roles. `allowed_origins` are origins on loopback whose web pages may call it, as
    http://localhost:5173; another raises OriginError. With `strict`, only a random access key may call, which
    `environment` returns. Functions may write their own folder and the folders `shared`; with `confined=False`, any
    folder that you may write. The function of `debugging` waits for a debugger, and meanwhile the clock stands still.
    """

    def __init__(  # noqa: PLR0913 - options, each by keyword
        self,
        *,
        port: int = 0,
        cache: Path = Path(".millrace"),
        seed: int | None = None,
        enforce_iam: bool = True,
        allowed_origins: Iterable[str] = (),
        strict: bool = False,
        confined: bool = True,
        shared: Sequence[Path] = (),
        debugging: Debugging | None = None,
    ) -> None:
        self._debugging = debugging
        self._origins = Origins(allowed_origins)
        self._confinement = Confinement(tuple(str(folder.resolve()) for folder in shared), enabled=confined)
        developer = Credentials.random() if strict else Credentials.dummy()
        self._sessions = Sessions(ACCOUNT, developer, strict=strict)
        self._cache = cache.resolve()
        self._enforce_iam = enforce_iam
        self._started: Future[None] = Future()
        self.scheduler = Scheduler(Clock())
        self._ticking = False
        self._timer: asyncio.TimerHandle | None = None
        self.stop_requested = threading.Event()
        self._deployments = Deployments(
            lambda environment: self.environment(*environment),
            self.scheduler,
            _HOME,
            assets=self._cache / "assets",
            random=Random(seed),  # noqa: S311 - names, not secrets
        )
        self._thread = threading.Thread(target=self._serve, args=(port,), name="millrace", daemon=True)
        with pause_garbage_collection():
            self._thread.start()
            self._started.result(_START_PATIENCE)

    # -- the thread of the plane ---------------------------------------------------------------------------------

    def _serve(self, port: int) -> None:
        try:
            asyncio.run(self._run(port))
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _run(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        listener = bound(port)
        self.port = listener.getsockname()[1]
        self.endpoint_url = f"http://{HOST}:{self.port}"
        moto_changes.settings(self.port)
        of_functions = bound(0)
        functions_port = of_functions.getsockname()[1]
        self.functions_url = f"http://{HOST}:{functions_port}"
        environment = self.environment() | {"AWS_ENDPOINT_URL": self.functions_url}
        workers = Workers(
            self._loop,
            environment=environment,
            cache=self._cache,
            confinement=self._confinement,
            developer=Developer(self._debugging, read_line if has_terminal() else None, self.scheduler.clock),
        )
        self._regions = AccountRegions(
            self.scheduler,
            workers,
            self._cache,
            _HOME,
            services.service_classes(),
            {Sessions: self._sessions},
            enforce_iam=self._enforce_iam,
        )
        self.region = self._regions.home
        moto_changes.attach(self._regions, [module.apply for module in services.modules("moto_changes")])
        cloudformation, application = {"cloudformation": self._answer_cloudformation}, moto_application()
        endpoint = Endpoint(self._regions, application, self._control, cloudformation, self._origins, functions_port)
        self.scheduler.wake = self._wake
        self._server = Server(endpoint, lambda: self._started.set_result(None))
        try:
            await self._server.serve([listener, of_functions])
        finally:
            workers.close()
            endpoint.close()
            moto_changes.attach(None)

    def _answer_cloudformation(self, region: AccountRegion, request: Request) -> Response:
        return self._deployments.cloudformation((region.account, region.name)).respond(request)

    def _wake(self) -> None:
        if self._ticking:
            return  # the step that is planned sees what is new
        if threading.current_thread() is self._thread:
            self._tick_soon()
        else:
            self._loop.call_soon_threadsafe(self._tick_soon)

    def _tick_soon(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        self._ticking = False
        pause: float | None = 0  # should an action raise, the loop tells of it, and what else is due goes on
        try:
            pause = self.scheduler.run_due()
        finally:
            if pause == 0:
                self._tick_soon()
            elif pause is not None:
                self._tick_in(pause)

    def _tick_in(self, seconds: float) -> None:
        """Keep one timer, for the earliest moment: a timer per step would stay until its moment, hours from now."""
        due = self._loop.time() + seconds
        if self._timer and self._timer.when() <= due + _SAME_MOMENT:
            return
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._tick_soon()

    def on_loop(self, action: Callable[[], T]) -> T:
        """Run something on the plane's thread, and wait for its answer."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(action())
            except BaseException as error:  # noqa: BLE001 - it is raised again for the caller
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return answer.result()

    async def _control(self, request: Request) -> Response:
        """The kit's own calls, for its command line; a web page cannot make them, for want of the header."""
        if not self._sessions.controls(request):
            return Response.error("AccessDenied", "Send the header x-millrace; if strict, with the secret key.", 403)
        command, _, argument = request.path.removeprefix("/_millrace/").partition("/")
        if command == "settle" and request.method == "POST":
            max_wait, _, max_skip = argument.partition("/")
            limits = float(max_wait), float(max_skip or math.inf)
            return Response.of(await self._loop.run_in_executor(None, lambda: self._unsettled_after(*limits)))
        if command == "down" and request.method == "POST":
            self.stop_requested.set()
            return Response.of({})
        return Response.of(told(self.region, command, argument))

    def _unsettled_after(self, max_wait: float, max_skip: float = math.inf) -> str:
        """What is still under way after so many seconds, in words; nothing where all has settled."""
        try:
            self.scheduler.settle(max_wait, max_skip)
        except NotSettledError as error:
            return str(error)
        return ""

    # -- what a user calls ---------------------------------------------------------------------------------------

    def environment(self, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """What lets `aws`, boto3 or any SDK talk to this cloud; another account is the key that signs for it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **self._sessions.developer_of(account).environment(),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # StartSyncExecution would go to sync-127.0.0.1
        }

    def client(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """A boto3 client of this cloud, whatever the machine's own credentials are; the same one each time."""
        return self._deployments.client((account, region), service)

    def resource(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """A boto3 resource of this cloud."""
        return self._deployments.resource((account, region), service)

    @property
    def _deployer(self) -> "Deployer":
        return self._deployments.deployer(_HOME)

    def deploy(self, assembly: Path, on_change: Callable[[Change], None] | None = None) -> Deployment:
        """Deploy a synthesised cloud assembly; what has not changed since the last time is left alone.

        A stack with an account and region of its own, as by `env=Environment(…)`, stands there.
        """
        with pause_garbage_collection():
            return self._deployments.deploy(assembly, on_change)

    def physical_id(self, stack: str, logical_id: str) -> str:
        """The name or URL that a resource of a deployed stack was given."""
        return self._deployments.stacks[stack].resources[logical_id].physical_id

    def put(self, event: "Event", *, bus: str, metadata: "Metadata | None" = None) -> "Metadata":
        """Put an event from outside onto a bus, claimed if it is large. Gives its metadata, with its flow's id.

        Raises LookupError if the bus does not exist, although PutEvents accepts and drops such events.
        """
        from millrace.events import Metadata, encode, put_entry  # noqa: PLC0415 - whoever has an event has imported it
        from millrace.events.claims import claim_with_clients  # noqa: PLC0415

        self.on_loop(lambda: self._check_bus(bus))
        known = metadata or Metadata.root(producer="test", version=event.contract.version)
        envelope = claim_with_clients(encode(event.stamped(known)), bus, self.client)
        answer = self.client("events").put_events(Entries=[put_entry(envelope, bus)])
        if answer["FailedEntryCount"]:
            raise ValueError(f"{type(event).__name__} was refused: {answer['Entries'][0]}")
        return known

    def _check_bus(self, bus: str) -> None:
        region = self._regions.owner(bus, self.region) if bus.startswith("arn:") else self.region
        known = region.backends.events.event_buses if region else {}
        if bus.rpartition("/")[2] not in known:
            raise LookupError(f"No bus is called {bus!r}. The buses are: {', '.join(known)}. Correct bus=….")

    def settle(self, patience: float = _PATIENCE) -> None:
        """Wait until no event, retry, message, batch or execution is under way.

        Time in which everything only waits is leapt over. Raises NotSettledError after `patience` seconds of work.
        """
        self.scheduler.settle(patience)

    def fail(
        self, *only: str, seed: int, failing: float = 0, killed: float = 0, doubled: float = 0, conflicts: float = 0
    ) -> None:
        """Let functions fail at these rates (see `Rates`) until `reset`, by a seed. `only` names the functions."""
        rates = Rates(failing, killed, doubled, conflicts, only)
        self.on_loop(lambda: self.region.faults.set(rates, seed=seed))

    def observe(
        self, outcomes: Callable[["FunctionSpec", "Outcome"], object], records: Callable[["Record"], object]
    ) -> None:
        """Call back with each outcome of a function and each record of the event history, on the cloud's thread."""
        self.region.workers.observe = outcomes
        self.region.history.observe = records

    def trace(self, correlation_id: str) -> Trace:
        """The causation tree of a flow."""
        return Trace.of(correlation_id, self.on_loop(lambda: self.region.history.flow(correlation_id)))

    def reset(self) -> None:
        """Forget everything that was deployed, put or done; what still runs is waited for."""
        self.scheduler.clear()
        self.scheduler.settle(_PATIENCE)
        self.on_loop(self._regions.reset)
        self._deployments.reset()

    def close(self) -> None:
        """End the endpoint and every worker, and wait for them."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
