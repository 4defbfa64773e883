"""@batch_view: a function from the events of a day to the view of that day.

`@batch_view` decorates `def handler(events: Path) -> dict[str, int]`. The state machine of its construct invokes it to
close a generation, to list the days, and for each day.
"""

import functools
import inspect
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from millrace.runtime.declaration import name_of
from millrace.runtime.environment import required
from millrace.runtime.layers.views import Amounts, BatchRuns, table_and_archive
from millrace.runtime.observe import traced
from millrace.runtime.priming import prime
from millrace.runtime.signatures import SignatureError, hints_of

BATCH = "MILLRACE_BATCH_VIEW"
"""The environment variable with the table and the bucket of a batch view."""
Compute = Callable[[Path], Amounts]


class BatchViewError(TypeError):
    """A batch view returned something else than whole numbers by name."""


class BatchView:
    """A declared batch view. Invoked by Lambda it runs a part of a batch; called with a path it is the function."""

    def __init__(self, function: Compute) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name_of(function)
        self.where = f"{function.__module__}.{function.__qualname__}"
        hints = hints_of(function, self.where)
        parameters = [hints.get(name) for name in inspect.signature(function).parameters]
        if parameters != [Path] or hints.get("return") not in (Amounts, dict[str, int]):
            raise SignatureError(f"{self.where}: write def {function.__name__}(events: Path) -> dict[str, int].")
        prime("s3")

    def __call__(self, given: Any, context: Any = None) -> Any:  # noqa: ARG002 - Lambda's own
        """Run a part of a batch if the argument is the payload of Lambda, else call the function."""
        if isinstance(given, dict):
            return self.invoked(given, BatchRuns(*table_and_archive(required(BATCH))))
        return self.function(given)

    def invoked(self, payload: Mapping[str, Any], runs: BatchRuns) -> dict[str, Any]:
        """Close a generation; with its `run`, list the days; with a `day`, compute and store the view of the day."""
        if "run" not in payload:
            return {"run": runs.close()}
        if "day" not in payload:
            return {"run": payload["run"], "days": runs.archive.days()}
        if keys := runs.archive.keys(payload["day"], payload["run"]):
            runs.store(payload["run"], payload["day"], self._computed(runs, keys))
        return {}

    def _computed(self, runs: BatchRuns, keys: list[str]) -> Amounts:
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder) / "events.jsonl"
            runs.archive.copy(keys, events)
            found = traced(self.function)(events)
        if not isinstance(found, dict) or not all(type(amount) is int for amount in found.values()):
            raise BatchViewError(f"{self.where} returned {found!r}: return whole numbers by name.")
        return cast("Amounts", found)


def batch_view(function: Compute) -> BatchView:
    """Declare a batch view. `events` is a file of JSON lines with the events of one day, each once."""
    return BatchView(function)
