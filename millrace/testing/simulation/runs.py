"""Runs of a simulation, each in a fork of this process: every run begins with the same state.

A fork takes some milliseconds, and makes runs independent of each other and of their order.
"""

import gc
import os
import pickle
import selectors
import signal
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from millrace.local.simulation import Fault, Needed, SimulatedCloud, SimulatedFaults
from millrace.operations.deployed import DeployedStacks
from millrace.testing.simulation.simulation import Simulation

Test = Callable[[Simulation], object]
Status = Literal["passed", "failed", "skipped"]
_PIECE = 1 << 20


class RunError(Exception):
    """The process of a run ended without a result."""


@dataclass(frozen=True)
class Run:
    """The result of one run. `digest` is a hash of its whole trace. `failure` identifies an error and its line."""

    seed: int
    status: Status
    faults: tuple[Fault, ...] = ()
    story: tuple[str, ...] = ()
    digest: str = ""
    error: str = ""
    failure: tuple[str, str] = ("", "")
    needed: Needed = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A run to make: with the faults that the seed chooses, or with those given.

    With `record`, the run returns what its functions needed.
    """

    seed: int
    given: tuple[Fault, ...] | None = None
    record: bool = False


@dataclass
class Runner:
    """Makes runs of a test on a deployed cloud."""

    cloud: SimulatedCloud
    stacks: DeployedStacks | None
    test: Test

    def run(self, plan: Plan) -> Run:
        """Make one run."""
        return next(self.run_all([plan], 1))

    def run_all(self, plans: Iterable[Plan], jobs: int) -> Iterator[Run]:
        """Make runs, up to `jobs` at a time, and yield each as it ends."""
        waiting = iter(plans)
        with selectors.DefaultSelector() as selector:
            try:
                yield from self._runs(selector, waiting, jobs)
            finally:
                for key in list(selector.get_map().values()):
                    os.kill(key.data[1], signal.SIGKILL)
                    _close(selector, key)

    def _runs(self, selector: selectors.BaseSelector, waiting: Iterator[Plan], jobs: int) -> Iterator[Run]:
        while True:
            while len(selector.get_map()) < jobs and (plan := next(waiting, None)):
                reader, child = self._fork(plan)
                selector.register(reader, selectors.EVENT_READ, (plan, child, bytearray()))
            if not selector.get_map():
                return
            for key, _ in selector.select():
                if run := _read(selector, key):
                    yield run

    def _fork(self, plan: Plan) -> tuple[int, int]:
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, none of which the fork needs
            child = os.fork()
        if child:
            os.close(writer)
            return reader, child
        try:
            os.close(reader)
            gc.disable()  # it would copy all pages of the fork
            result = pickle.dumps(self.here(plan))
            with os.fdopen(writer, "wb") as stream:
                stream.write(result)
        except BaseException:  # noqa: BLE001 - the fork must not return into the caller
            traceback.print_exc()
        finally:
            os._exit(0)

    def here(self, plan: Plan) -> Run:
        """Make one run in this process, which changes the cloud."""
        if plan.record:
            self.cloud.record()
        faults = SimulatedFaults(plan.seed, plan.given)
        with self.cloud.running(plan.seed, faults):
            return made(plan, self.cloud, faults, lambda: self.test(Simulation(self.cloud, faults, self.stacks)))


def made(plan: Plan, cloud: SimulatedCloud, faults: SimulatedFaults, test: Callable[[], object]) -> Run:
    """Call a test and return the run."""
    status: Status = "passed"
    error, failure = "", ("", "")
    try:
        test()
    except BaseException as raised:  # noqa: BLE001 - pytest's outcomes are no Exceptions
        status = "skipped" if type(raised).__name__ == "Skipped" else "failed"
        error, failure = _described(raised)
    story = cloud.story
    return Run(
        plan.seed, status, tuple(faults.injected), tuple(story.lines), story.digest, error, failure, cloud.needed
    )


def _described(raised: BaseException) -> tuple[str, tuple[str, str]]:
    frames = traceback.extract_tb(raised.__traceback__)
    own = [frame for frame in frames if "/millrace/" not in frame.filename and "site-packages" not in frame.filename]
    frame = (own or frames)[-1]
    where = f"{frame.filename}:{frame.lineno}"
    kind = type(raised).__name__
    return f"{where}: {kind}: {raised}\n    {frame.line}", (kind, where)


def _read(selector: selectors.BaseSelector, key: Any) -> Run | None:
    """Read from a fork. Return its run once it has ended. Raises RunError."""
    plan, _, received = key.data
    if piece := os.read(key.fd, _PIECE):
        received.extend(piece)
        return None
    _close(selector, key)
    if not received:
        raise RunError(f"The run of seed {plan.seed} ended without a result; see its traceback above.")
    return pickle.loads(received)  # type: ignore[no-any-return] # noqa: S301 - from our own fork


def _close(selector: selectors.BaseSelector, key: Any) -> None:
    """Wait for the end of a fork."""
    selector.unregister(key.fd)
    os.close(key.fd)
    os.waitpid(key.data[1], 0)


def smallest(faults: Sequence[Fault], fails: Callable[[tuple[Fault, ...]], bool]) -> tuple[Fault, ...]:
    """Return the fewest faults with which a run still fails, by delta debugging.

    https://doi.org/10.1109/32.988498
    """
    kept, parts = tuple(faults), 2
    if fails(()):
        return ()
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        rests = [kept[:start] + kept[start + size :] for start in range(0, len(kept), size)]
        rest = next((each for each in rests if fails(each)), None)
        if rest is not None:
            kept, parts = rest, max(parts - 1, 2)
        elif size == 1:
            break
        else:
            parts = min(parts * 2, len(kept))
    return kept
