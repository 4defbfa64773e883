"""`LocalCloud`: AWS on loopback, in this process."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from millrace.local import services
from millrace.local.cloudformation.deployment import Change, Deployment
from millrace.local.cloudformation.deployments import Deployments
from millrace.local.cloudformation.refusals import Options
from millrace.local.core import moto_changes
from millrace.local.core.account_region import AccountRegion
from millrace.local.core.account_regions import AccountRegions
from millrace.local.core.clock import Clock
from millrace.local.core.faults import Rates
from millrace.local.core.garbage import pause_garbage_collection
from millrace.local.core.http import Request, Response
from millrace.local.core.scheduler import NotSettledError, Scheduler
from millrace.local.endpoint.app import Endpoint
from millrace.local.endpoint.control import status_of
from millrace.local.endpoint.moto import moto_application
from millrace.local.endpoint.origins import Origins
from millrace.local.endpoint.server import HOST, Server, bound
from millrace.local.services.dynamodb import DynamoDb
from millrace.local.services.iam import Credentials, Sessions
from millrace.local.services.stepfunctions import Mocks, StepFunctions
from millrace.local.workers import Confinement, Debugging, Developer, Workers
from millrace.local.workers.terminal import has_terminal, read_line
from millrace.operations.trace import Trace

if TYPE_CHECKING:
    from millrace.events import Event, Metadata
    from millrace.local.cloudformation.deployer import Deployer
    from millrace.local.workers import FunctionSpec, Outcome
    from millrace.operations.history import Record

ACCOUNT = "123456789012"
REGION = "us-east-1"
_HOME = (ACCOUNT, REGION)
_TIMEOUT = 60.0
_START_TIMEOUT = 30.0
_SAME_MOMENT = 0.001
T = TypeVar("T")


class LocalCloud:
    """A local cloud behind a loopback endpoint. Functions run in worker processes.

    One local cloud can run per process, since moto's state is global. `port` 0 chooses a free port. Unpacked code and
    archives are stored below `cache`. With `enforce_iam`, calls of functions are authorized by their roles.
    `allowed_origins` contains origins on loopback whose web pages may call it, such as http://localhost:5173; others
    raise OriginError. With `strict`, only a random access key is accepted, which `environment` returns. Functions can
    write to their own folder and the folders `shared`; with `confined=False`, to every folder that you can write to.
    `concurrency` is the quota of concurrent executions in an account and region: new accounts often have 10. Without
    it, only reserved concurrency throttles. The function of `debugging` waits for a debugger, and meanwhile the clock
    stands still.
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
        concurrency: int | None = None,
        debugging: Debugging | None = None,
    ) -> None:
        self._debugging = debugging
        self._origins = Origins(allowed_origins)
        self._confinement = Confinement(tuple(str(folder.resolve()) for folder in shared), enabled=confined)
        developer = Credentials.random() if strict else Credentials.dummy()
        self._sessions = Sessions(ACCOUNT, developer, strict=strict)
        self._cache = cache.resolve()
        self._enforce_iam = enforce_iam
        self._concurrency = concurrency
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
            self._started.result(_START_TIMEOUT)

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
            concurrency=self._concurrency,
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
            return  # the planned step handles it
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
        pause: float | None = 0  # if an action raises, the loop reports it and the next ones run
        try:
            pause = self.scheduler.run_due()
        finally:
            if pause == 0:
                self._tick_soon()
            elif pause is not None:
                self._tick_in(pause)

    def _tick_in(self, seconds: float) -> None:
        """Keep one timer, for the earliest moment: a timer per step would exist for hours."""
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
        """Run a function on the scheduler's thread, and return its result."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(action())
            except BaseException as error:  # noqa: BLE001 - raised again for the caller
                answer.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return answer.result()

    async def _control(self, request: Request) -> Response:
        """Handle Millrace's own API, for its CLI. Web pages cannot call it, since they cannot send the header."""
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
        return Response.of(status_of(self.region, command, argument))

    def _unsettled_after(self, max_wait: float, max_skip: float = math.inf) -> str:
        """Return what is still in progress after `max_wait` seconds; empty if all has settled."""
        try:
            self.scheduler.settle(max_wait, max_skip)
        except NotSettledError as error:
            return str(error)
        return ""

    def environment(self, account: str = ACCOUNT, region: str = REGION) -> dict[str, str]:
        """Return the environment variables with which `aws`, boto3 or any SDK uses this cloud in an account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **self._sessions.developer_of(account).environment(),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # StartSyncExecution would go to sync-127.0.0.1
        }

    def client(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """Return the boto3 client of a service in this cloud, regardless of the machine's own credentials."""
        return self._deployments.client((account, region), service)

    def resource(self, service: str, *, account: str = ACCOUNT, region: str = REGION) -> Any:
        """Return the boto3 resource of a service in this cloud."""
        return self._deployments.resource((account, region), service)

    @property
    def _deployer(self) -> "Deployer":
        return self._deployments.deployer(_HOME)

    def deploy(
        self,
        assembly: Path,
        on_change: Callable[[Change], None] | None = None,
        *,
        skip: Iterable[str] = (),
        parameters: Mapping[str, str] = MappingProxyType({}),
    ) -> Deployment:
        """Deploy a synthesized cloud assembly; unchanged resources stay as they are.

        `skip` are types to leave out, `parameters` values by NAME or STACK:NAME. Raises RefusedDeploymentError.
        """
        with pause_garbage_collection():
            return self._deployments.deploy(assembly, on_change, Options(frozenset(skip), parameters))

    def physical_id(self, stack: str, logical_id: str) -> str:
        """Return the physical id of a resource: its name, URL or ARN, as `Ref` returns it."""
        return self._deployments.stacks[stack].resources[logical_id].physical_id

    def outputs(self, stack: str) -> dict[str, Any]:
        """Return the outputs of a deployed stack."""
        return dict(self._deployments.stacks[stack].outputs)

    def put(self, event: "Event", *, bus: str, metadata: "Metadata | None" = None) -> "Metadata":
        """Put an event onto a bus; a large one by claim check. Return its metadata with its correlation id."""
        from millrace.events import Metadata, encode, put_entry  # noqa: PLC0415 - imported by the caller already
        from millrace.events.claims import claim_with_clients  # noqa: PLC0415

        self.on_loop(lambda: self._check_bus(bus))
        known = metadata or Metadata.root(producer="test", version=event.contract.version)
        envelope = claim_with_clients(encode(event.stamped(known)), bus, self.client)
        answer = self.client("events").put_events(Entries=[put_entry(envelope, bus)])
        if answer["FailedEntryCount"]:
            raise ValueError(f"{type(event).__name__} was rejected: {answer['Entries'][0]}")
        return known

    def _check_bus(self, bus: str) -> None:
        region = self._regions.owner(bus, self.region) if bus.startswith("arn:") else self.region
        known = region.backends.events.event_buses if region else {}
        if bus.rpartition("/")[2] not in known:
            raise LookupError(f"No bus is called {bus!r}. The buses are: {', '.join(known)}. Correct bus=….")

    def settle(self, timeout: float = _TIMEOUT) -> None:
        """Wait until no event, retry, message, batch or execution is in progress.

        Idle time is skipped. Raises NotSettledError after `timeout` seconds of work.
        """
        self.scheduler.settle(timeout)

    def fail(
        self, *only: str, seed: int, failing: float = 0, killed: float = 0, doubled: float = 0, conflicts: float = 0
    ) -> None:
        """Make functions fail at these rates (see `Rates`) until `reset`, by a seed. `only` names the functions."""
        rates = Rates(failing, killed, doubled, conflicts, only)
        self.on_loop(lambda: self.region.faults.set(rates, seed=seed))

    def state_machine(self, name: str, *, account: str = ACCOUNT, region: str = REGION) -> Mocks:
        """Return the mocks of a state machine, by its name or the id of its mediator. Raises UnknownMockError."""
        return self.on_loop(lambda: self._regions.open(account, region).service(StepFunctions).mocks(name))

    def limit_concurrency(self, executions: int | None) -> None:
        """Set the quota of concurrent executions in each account and region until `reset`."""
        self._regions.concurrency = executions

    def limit_partitions(self, write_units: float | None) -> None:
        """Limit the write units that a DynamoDB partition takes in a second, of tables with a stream, until `reset`.

        On AWS, a partition takes 1,000. Requests above the limit fail as throttled.
        """
        self.on_loop(lambda: self.region.service(DynamoDb).limit_partitions(write_units))

    def observe(
        self, outcomes: Callable[["FunctionSpec", "Outcome"], object], records: Callable[["Record"], object]
    ) -> None:
        """Call back with each outcome of a function and each record of the event history, on the cloud's thread."""
        self.region.workers.observe = outcomes
        self.region.history.observe = records

    def trace(self, correlation_id: str) -> Trace:
        """Return the causation tree of a flow."""
        return Trace.of(correlation_id, self.on_loop(lambda: self.region.history.flow(correlation_id)))

    def traces(self) -> list[Trace]:
        """Return the causation tree of every flow since the last reset."""
        return [self.trace(flow) for flow in self.on_loop(self.region.history.flows)]

    def advance(self, duration: timedelta) -> None:
        """Advance the clock by a duration, in which schedules run, and settle."""
        self.on_loop(lambda: self.scheduler.after(duration.total_seconds(), lambda: None, "the end of advance()"))
        self.settle()

    def reset(self) -> None:
        """Delete all resources, events and history. Waits for running functions."""
        self.scheduler.clear()
        self.scheduler.settle(_TIMEOUT)
        self.on_loop(self._regions.reset)
        self._deployments.reset()

    def close(self) -> None:
        """Stop the endpoint and every worker, and wait for them."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
