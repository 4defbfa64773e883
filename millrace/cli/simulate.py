"""`simulate`: the project's simulations over many seeds, on all cores."""

import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import console
from millrace.cli.app import Json, app
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.testing.simulation.runs import Run

_UNITS = {"s": 1, "m": 60, "h": 3600}
_EVERY = 50
_NO_TESTS = 5
"""pytest's exit status if no test was selected."""


@dataclass
class Summary:
    """The runs of all tests so far. `name` is the name of the pytest plugin that receives them."""

    quiet: bool
    runs: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    failures: list[str] = field(default_factory=list)

    def ran(self, test: str, run: "Run") -> None:
        """Count a run and print progress."""
        self.runs[test] = self.runs.get(test, 0) + 1
        self.faults += len(run.faults)
        if not self.quiet and self.runs[test] % _EVERY == 0:
            console.say(f"  {test}: {self.runs[test]:,} seeds")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the message of each failed simulation."""
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.failures.append(crash.message if crash else str(report.longrepr))


@app.command()
def simulate(
    tests: Annotated[list[Path] | None, typer.Argument(help="Choose test files. Default: all of the project.")] = None,
    *,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Run so many seeds of each simulation.")] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="SEED[:FAULTS]", help="Replay one seed, with these of its faults.")
    ] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="10m", help="Run new seeds for this long.")] = None,
    as_json: Json = False,
) -> int:
    """Run the project's simulations over many seeds, on all cores. Exits with 1 if one fails."""
    import pytest

    from millrace.testing.simulation.decorator import REPORTER

    options = [f"--seeds={seeds}"] if seeds else []
    options += [f"--replay={seed}"] if seed else []
    options += [f"--seed-seconds={parse_duration(time)}"] if time else []
    summary = Summary(quiet=as_json)
    arguments = ["-m", "simulation", "-p", "no:terminal", "-p", "no:xdist", f"--seed-jobs={os.cpu_count() or 1}"]

    class Registered:
        def pytest_configure(self, config: pytest.Config) -> None:
            config.pluginmanager.register(summary, REPORTER)

    status = pytest.main(["-o", "addopts=", *arguments, *options, *map(str, tests or [])], plugins=[Registered()])
    if status == _NO_TESTS:
        raise UsageError("No test here is decorated with @simulate.")
    if as_json:
        console.data(asdict(summary))
    else:
        for line in [line for failure in summary.failures for line in failure.splitlines()] or [_passed(summary)]:
            console.out(line)
    return 1 if status else 0


def _passed(summary: Summary) -> str:
    return f"{sum(summary.runs.values()):,} seeds of {len(summary.runs)} simulations passed, {summary.faults:,} faults."


def parse_duration(text: str) -> int:
    """Return the seconds of a duration such as 90s, 10m or 1h. Raises UsageError."""
    found = re.fullmatch(r"(\d+)([smh])", text)
    if not found:
        raise UsageError(f"--time {text}: write a duration as 90s, 10m or 1h.")
    return int(found[1]) * _UNITS[found[2]]
