"""`simulate`: the project's simulations over many seeds, on all cores."""

import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import console
from millrace.cli.app import Json, app
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.testing.simulation.runs import Run

_UNITS = {"s": 1, "m": 60, "h": 3600}
_PROGRESS_SECONDS = 10.0
_NO_TESTS = 5
"""pytest's exit status if no test was selected."""


@dataclass(eq=False)
class Summary:
    """The runs of all tests so far, and the seconds that they took without deployment."""

    quiet: bool
    runs: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    last: float = field(default_factory=time.monotonic, repr=False)
    shown: float = field(default_factory=time.monotonic, repr=False)
    uncaptured: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, repr=False)
    """Lets progress pass pytest, which captures the output of tests."""

    def pytest_runtest_call(self) -> None:
        """Begin to measure after the deployment, which a fixture makes."""
        self.last = self.shown = time.monotonic()

    def ran(self, test: str, run: "Run") -> None:
        """Count a run, and print progress every ten seconds."""
        self.runs[test] = self.runs.get(test, 0) + 1
        self.faults += len(run.faults)
        now = time.monotonic()
        self.seconds, self.last = self.seconds + now - self.last, now
        if not self.quiet and now - self.shown >= _PROGRESS_SECONDS:
            self.shown = now
            with self.uncaptured():
                console.say(f"  {test}: {self.runs[test]:,} seeds")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the message of each failed simulation."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failures.append(crash.message if crash else str(report.longrepr))

    def pytest_collectreport(self, report: Any) -> None:
        """Keep the error of each test file that cannot be imported."""
        if report.failed:
            self.failures.append(str(report.longrepr))


@app.command()
def simulate(
    tests: Annotated[list[Path] | None, typer.Argument(help="Choose test files. Default: all of the project.")] = None,
    *,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Run so many seeds of each simulation.")] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="SEED[:FAULTS]", help="Replay one seed, with these of its faults.")
    ] = None,
    duration: Annotated[str | None, typer.Option("--time", metavar="10m", help="Run new seeds for this long.")] = None,
    as_json: Json = False,
) -> int:
    """Run the project's simulations over many seeds, on all cores. Exits with 1 if one fails."""
    import pytest

    from millrace.testing.simulation.decorator import REPORTER

    options = [f"--seeds={seeds}"] if seeds else []
    options += [f"--replay={seed}"] if seed else []
    options += [f"--seed-seconds={parse_duration(duration)}"] if duration else []
    summary = Summary(quiet=as_json)
    arguments = ["-m", "simulation", "-p", "no:terminal", "-p", "no:xdist", f"--seed-jobs={os.cpu_count() or 1}"]

    class Registered:
        def pytest_configure(self, config: pytest.Config) -> None:
            config.pluginmanager.register(summary, REPORTER)
            summary.uncaptured = config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled

    status = pytest.main(["-o", "addopts=", *arguments, *options, *map(str, tests or [])], plugins=[Registered()])
    if status == _NO_TESTS:
        raise UsageError("No test here is decorated with @simulate.")
    if as_json:
        console.data({name: getattr(summary, name) for name in ("runs", "faults", "failures", "seconds")})
    else:
        passed = [] if status else [_passed(summary)]  # with another status, pytest has printed why
        for line in [line for failure in summary.failures for line in failure.splitlines()] or passed:
            console.out(line)
    return 1 if status else 0


def _passed(summary: Summary) -> str:
    seeds = sum(summary.runs.values())
    rate = f"{seeds / summary.seconds:.1f} seeds a second" if summary.seconds else "a replay"
    return f"{seeds:,} seeds of {len(summary.runs)} simulations passed, {summary.faults:,} faults, {rate}."


def parse_duration(text: str) -> int:
    """Return the seconds of a duration such as 90s, 10m or 1h. Raises UsageError."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise UsageError(f"--time {text}: write a duration as 90s, 10m or 1h.")
    return int(found[1]) * _UNITS[found[2]]
