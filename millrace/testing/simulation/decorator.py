"""`@simulate`: a test that holds for every schedule of failures that its seeds choose."""

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from millrace.local.simulation import START, Fault, NotDeterministicError, SimulatedCloud
from millrace.operations.deployed import DeployedStacks
from millrace.testing.simulation.runs import Plan, Run, Runner, Test, smallest
from millrace.testing.simulation.simulation import SimulatedStacks, Simulation
from millrace.testing.simulation.targets import DeployedScenario
from millrace.testing.simulation.training import CALM, WORTHWHILE, trained

REPORTER = "millrace-simulate"
"""The name of the plugin that receives each run, by its method `ran`."""
LINES = 60
"""The most lines of a story that are printed."""
REDUCTION_SECONDS = 60.0
"""How long a search for the fewest faults of a failed run takes at most."""
_REAL_TIME = time.monotonic
"""The clock of the machine: a simulation replaces that of the time module."""


class SimulationError(AssertionError):
    """A test failed with a seed. The message contains the smallest set of faults, the story and the replay command."""


@dataclass
class Options:
    """Options of a search, from pytest's command line. `replay` is a seed, and numbers of its faults if not all."""

    seeds: int | None = None
    replay: str | None = None
    seconds: float | None = None
    jobs: int = 1
    progress: Callable[[str, Run], object] = lambda _test, _run: None

    def read(self, config: pytest.Config) -> None:
        """Take the options of the command line."""
        self.seeds, self.replay = config.getoption("--seeds"), config.getoption("--replay")
        self.seconds, self.jobs = config.getoption("--seed-seconds"), config.getoption("--seed-jobs")
        reporter = config.pluginmanager.get_plugin(REPORTER)
        if reporter:
            self.progress = reporter.ran


@dataclass
class Simulations:
    """The deployed cloud of a test session, which every run starts from."""

    cloud: SimulatedCloud
    stacks: DeployedStacks
    another: Callable[[float], "Simulations"]
    """Deploys the same stacks to another cloud, at a virtual time."""
    options: Options = field(default_factory=Options)

    @classmethod
    def of(cls, assembly: Path, cache: Path, start: float = START) -> "Simulations":
        """Deploy the stacks of an assembly to a simulated cloud, and load all functions."""
        cloud = SimulatedCloud(cache=cache, start=start)
        with cloud.running():
            cloud.deploy(assembly)
            cloud.warm()
        return cls(cloud, SimulatedStacks(cloud, assembly), partial(cls.of, assembly, cache))

    def runner(self, test: Test) -> Runner:
        """Return what runs a test on this cloud."""
        return Runner(self.cloud, self.stacks, test)


def simulate(seeds: int = 200) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Run a test that takes a `simulation` once for each seed. Each seed chooses another schedule of failures."""

    def decorated(test: Callable[..., object]) -> Callable[..., None]:
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run_seeds(*arguments: Any, **fixtures: Any) -> None:
            fixtures = signature.bind(*arguments, **fixtures).arguments  # Hypothesis passes them by position
            simulation: Simulations | DeployedScenario = fixtures.pop("simulation")
            if isinstance(simulation, DeployedScenario):
                test(simulation=simulation, **fixtures)
                return

            def called(one: Simulation) -> object:
                return test(simulation=one, **fixtures)

            search = Search(simulation.runner(called), test, simulation.options)
            search.another = lambda start: simulation.another(start).runner(called)
            search.search(seeds)

        run_seeds.__signature__ = signature  # type: ignore[attr-defined]
        marked: Callable[..., None] = pytest.mark.simulation(run_seeds)
        return marked

    return decorated


@dataclass
class Search:
    """A search for a seed with which a test fails."""

    runner: Runner
    test: Callable[..., object]
    options: Options
    another: Callable[[float], Runner] | None = None
    """Deploys the same stacks to another cloud, for the training of functions."""

    @property
    def name(self) -> str:
        """The test, as pytest names it."""
        file = Path(inspect.getfile(self.test))
        path = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
        return f"{path}::{self.test.__name__}"

    def search(self, seeds: int) -> None:
        """Run seeds until one fails. Raises SimulationError, NotDeterministicError."""
        if self.options.replay is not None:
            self._replay(self.options.replay)
            return
        calm = self._prepare()
        self._check_determinism(CALM, calm)
        with self._training(calm, self.options.seeds or seeds):
            failed = self._first_failure(self.options.seeds or seeds)
        if failed:
            self._check_determinism(Plan(failed.seed), failed)
            raise SimulationError(self._report(failed))

    def _first_failure(self, seeds: int) -> Run | None:
        for run in self.runner.run_all(self._plans(seeds), self.options.jobs):
            self.options.progress(self.name, run)
            if run.status == "skipped":
                pytest.skip(run.error)
            if run.status == "failed":
                return run
        return None

    def _prepare(self) -> Run:
        """Make in advance what functions need in a run without faults. Return that run."""
        calm = self.runner.run(replace(CALM, record=True))
        self.runner.cloud.prepare(calm.needed)
        return calm

    def _training(self, calm: Run, seeds: int) -> AbstractContextManager[None]:
        worthwhile = calm.status == "passed" and (seeds >= WORTHWHILE or self.options.seconds is not None)
        return trained(self.runner, self.another, calm) if worthwhile and self.another else nullcontext()

    def _plans(self, seeds: int) -> Iterator[Plan]:
        if self.options.seconds is None:
            yield from map(Plan, range(seeds))
            return
        end, seed = _REAL_TIME() + self.options.seconds, 0
        while _REAL_TIME() < end:
            yield Plan(seed)
            seed += 1

    def _check_determinism(self, plan: Plan, first: Run | None = None) -> None:
        first, second = first or self.runner.run(plan), self.runner.run(plan)
        if first.failure[0] == NotDeterministicError.__name__:
            raise NotDeterministicError(f"not deterministic: {first.error}")
        if first.digest != second.digest:
            raise NotDeterministicError(self._difference(first, second))

    def _difference(self, first: Run, second: Run) -> str:
        pairs = zip([*first.story, ""], [*second.story, ""], strict=False)
        number, (one, other) = next(
            ((number, pair) for number, pair in enumerate(pairs) if pair[0] != pair[1]), (0, ("", ""))
        )
        before = "\n".join(first.story[max(0, number - 3) : number])
        line = inspect.getsourcelines(self.test)[1]
        details = f"{before}\nfirst run:  {one}\nsecond run: {other}" if one != other else "The data of a call differs."
        return (
            f"not deterministic: two runs of seed {first.seed} of {self.name} differ (line {line}). The test or a "
            f"handler reads the real time or entropy past the clock, as a thread or a C extension can, or a function "
            f"depends on the events that it processed before.\n{details}"
        )

    def _replay(self, replay: str) -> None:
        """Run one seed again. Raises SimulationError if it fails, and ValueError for faults that it does not have."""
        self._prepare()
        seed, colon, numbers = replay.partition(":")
        run = self.runner.run(Plan(int(seed)))
        if colon:
            chosen = [int(number) for number in numbers.split(",") if number]
            if any(number >= len(run.faults) for number in chosen):
                raise ValueError(f"--replay={replay}: seed {seed} has the faults 0 to {len(run.faults) - 1} only.")
            run = self.runner.run(Plan(int(seed), tuple(run.faults[number] for number in chosen)))
        if run.status == "failed":
            raise SimulationError(_story(run, f"seed {seed}", f"pytest '{self.name}' --replay={replay}"))

    def _report(self, run: Run) -> str:
        end = _REAL_TIME() + REDUCTION_SECONDS

        def fails(faults: tuple[Fault, ...]) -> bool:
            return _REAL_TIME() < end and self.runner.run(Plan(run.seed, faults)).failure == run.failure

        kept = smallest(run.faults, fails)
        reduced = self.runner.run(Plan(run.seed, kept))
        shown = reduced if reduced.failure == run.failure else run
        numbers = ",".join(str(run.faults.index(fault)) for fault in kept)
        title = f"seed {run.seed}, reduced from {len(run.faults)} faults to {len(kept)}"
        if _REAL_TIME() >= end:
            title += f" in {REDUCTION_SECONDS:.0f} s; fewer may do"
        return _story(shown, title, f"pytest '{self.name}' --replay={run.seed}:{numbers}")


def _story(run: Run, title: str, command: str) -> str:
    lines = [line for line in run.story if " called " not in line]
    hidden = [f"… {len(lines) - LINES} lines"] if len(lines) > LINES else []
    return "\n".join(
        [
            run.error,
            "",
            f"{title}:",
            *(f"  {fault}" for fault in run.faults),
            "",
            "What happened, in virtual time:",
            *(f"  {line}" for line in [*hidden, *lines[-LINES:]]),
            "",
            f"Replay: {command}",
        ]
    )
