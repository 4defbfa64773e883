"""What `up` prints while it runs: lines that handlers print, failures and dead letters, one line each."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING

from millrace.cli.console import say
from millrace.cli.logs import function_line
from millrace.operations.log_lines import LogLine, read_line

if TYPE_CHECKING:
    from millrace.local.cloud import LocalCloud
    from millrace.local.workers import FunctionSpec, Outcome
    from millrace.operations.history import Record


@contextmanager
def narrated(cloud: "LocalCloud") -> Iterator[None]:
    """Print what happens in a cloud. A thread prints, so that a slow terminal does not delay the cloud."""
    lines: SimpleQueue[str | None] = SimpleQueue()
    printing = threading.Thread(target=_print, args=(lines.get,), name="narration", daemon=True)
    printing.start()

    def queue(made: Iterable[str]) -> None:
        for line in made:
            lines.put(line)

    now = cloud.scheduler.clock.now
    cloud.observe(
        lambda spec, outcome: queue(outcome_lines(now(), spec, outcome)), lambda record: queue(record_lines(record))
    )
    try:
        yield
    finally:
        lines.put(None)
        printing.join()


def _print(take: Callable[[], str | None]) -> None:
    while (line := take()) is not None:
        say(line, wrap=True)


def outcome_lines(at: float, spec: "FunctionSpec", outcome: "Outcome") -> Iterator[str]:
    """The lines of one invocation."""
    name = spec.environment.get("POWERTOOLS_SERVICE_NAME") or spec.name
    found = [read_line(message) for message in outcome.log]
    if outcome.status in ("timeout", "exit") and not any(line and line.is_error for line in found):
        found = [*found[:-1], LogLine(outcome.log[-1] if outcome.log else outcome.status, is_error=True)]
    yield from (function_line(at, name, line) for line in found if line)


def record_lines(record: "Record") -> Iterator[str]:
    """The line about a dead letter."""
    if record.kind == "dead-letter":
        moment = datetime.fromtimestamp(record.at).astimezone().strftime("%H:%M:%S")
        yield f"{moment}  {record.name:<16}  ✉ dead letter: {record.more.get('event')}. See millrace dlq list"
