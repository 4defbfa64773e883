"""The logs of functions, from CloudWatch Logs: in the local cloud and on AWS alike."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from millrace.operations import UsageError
from millrace.operations.deployed import DeployedStacks
from millrace.operations.log_lines import LogLine, read_line
from millrace.operations.tail import POLL_SECONDS, polls


@dataclass(frozen=True)
class FunctionLine:
    """A line of a function's log, `at` seconds since 1970."""

    at: float
    function: str
    line: LogLine


def lines_of(deployed: DeployedStacks, function: str | None, begin: float, *, follow: bool) -> Iterator[FunctionLine]:
    """The lines since `begin`, of one function or of all, by time. With `follow`, without end."""
    groups = log_groups(deployed, function)
    pause = POLL_SECONDS["local" if deployed.cloud.is_local else "aws"]
    for found in polls(deployed.cloud.client("logs"), list(groups), begin):
        for group, event in found:
            line = read_line(event["message"])
            if line:
                yield FunctionLine(event["timestamp"] / 1000, groups[group], line)
        if not follow:
            return
        time.sleep(pause)


def log_groups(deployed: DeployedStacks, function: str | None) -> dict[str, str]:
    """The log groups of functions, each with the name of its function."""
    functions = [each for each in deployed.assembly.of("Lambda::Function") if "function" in each.facts]
    names = sorted({str(each.facts["function"]) for each in functions})
    if function is not None and function not in names:
        raise UsageError(f"No function is called {function}. The functions are: {', '.join(names)}.")
    chosen = [each for each in functions if function in (None, each.facts["function"])]
    return {group: str(each.facts["function"]) for each in chosen for group in deployed.log_groups([each])}
