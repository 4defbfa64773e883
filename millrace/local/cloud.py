"""`LocalCloud`: AWS on loopback, in this process."""

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Self, TypeVar

from millrace.local.core.garbage import keep_imports, pause_garbage_collection

with keep_imports():
    from millrace.local import services
    from millrace.local.addresses import addresses
    from millrace.local.base import ACCOUNT, HOME, REGION, TIMEOUT, Cloud
    from millrace.local.cloudformation.deployments import Deployments
    from millrace.local.core import moto_changes
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.core.account_regions import AccountRegions
    from millrace.local.core.clock import Clock
    from millrace.local.core.http import Request, Response
    from millrace.local.core.scheduler import NotSettledError, Scheduler
    from millrace.local.endpoint.app import Endpoint
    from millrace.local.endpoint.control import status_of
    from millrace.local.endpoint.moto import moto_application
    from millrace.local.endpoint.origins import Origins
    from millrace.local.endpoint.server import HOST, Server, bound
    from millrace.local.services.iam import Credentials, Sessions
    from millrace.local.workers import Confinement, Debugging, Developer, Workers
    from millrace.local.workers.terminal import has_terminal, read_line

_START_TIMEOUT = 30.0
_SAME_MOMENT = 0.001
T = TypeVar("T")


class LocalCloud(Cloud):
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
            HOME,
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
            HOME,
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
        return self._environment(self.endpoint_url, account, region)

    def addresses(self) -> list[str]:
        """Return lines with the URLs of APIs and functions, and with the outputs of the stacks."""
        return list(addresses(self._deployments.stacks, self.endpoint_url))

    def settle(self, timeout: float = TIMEOUT) -> None:
        """Wait until no event, retry, message, batch or execution is in progress.

        Idle time is skipped. Raises NotSettledError after `timeout` seconds of work.
        """
        self.scheduler.settle(timeout)

    def advance(self, *, hours: float = 0.0, seconds: float = 0.0) -> None:
        """Let time pass: run everything that is due meanwhile, schedules too, without waiting for it.

        Raises NotSettledError after a minute of work.
        """
        self.scheduler.advance(hours * 3600 + seconds, TIMEOUT)

    def reset(self) -> None:
        """Delete all resources, events and history. Waits for running functions."""
        self.scheduler.clear()
        self.scheduler.settle(TIMEOUT)
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
