"""Map states in distributed mode: a Map Run of child executions for items, or for batches of them.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from millrace.local.services.stepfunctions.interpreter.definition import MapState
from millrace.local.services.stepfunctions.interpreter.errors import DATA_LIMIT_EXCEEDED, StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.forks import Item, items_of, selected
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.item_reader import read_items
from millrace.local.services.stepfunctions.interpreter.map_run import Child, MapRun
from millrace.local.services.stepfunctions.interpreter.pending import Pending, all_of, failed
from millrace.local.services.stepfunctions.interpreter.result_writer import write_results
from millrace.local.services.stepfunctions.interpreter.visit import Visit

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.execution import Execution

MAX_CONCURRENCY = 1_000
"""Child executions at once without MaxConcurrency. AWS runs up to 10,000."""
_EXCEEDED = "The specified tolerated failure threshold was exceeded"
_NEW_RUN = frozenset({DATA_LIMIT_EXCEEDED, "States.Runtime"})
"""A redrive starts a new Map Run after these errors.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
"""


def run_distributed_map(visit: Visit) -> Steps:
    """Run the child executions; return their outputs, or where these were written."""
    branch = visit.branch
    run = branch.map_run
    if run is None:
        run = yield from _new_run(visit)
    else:
        _redrive(visit, run)
    try:
        yield from _work(visit, run)
        output = yield from write_results(visit, run)
    except StateError as error:
        if error.error in _NEW_RUN:
            branch.map_run = None
        _stop(visit, run, "FAILED")
        branch.write("MapRunFailed", "mapRunFailedEventDetails", error=error.error, cause=error.cause)
        raise
    except GeneratorExit:
        _stop(visit, run, "ABORTED")
        raise
    _stop(visit, run, "SUCCEEDED")
    branch.write("MapRunSucceeded")
    branch.note("MapStateSucceeded")
    return output


def _new_run(visit: Visit) -> Steps:
    """Read the items and record the start; return the Map Run."""
    state, branch, given = cast("MapState", visit.state), visit.branch, visit.effective_input
    execution = branch.execution
    concurrency, count = visit.integer(state.max_concurrency), visit.integer(state.tolerated_failure_count)
    percentage = state.tolerated_failure_percentage
    items: list[Item] | None = None if state.item_reader else items_of(visit, given)
    branch.write("MapStateStarted", "mapStateStartedEventDetails", length=len(items or ()))
    if items is None:
        items = yield from read_items(visit, given)
    label = state.label or execution.environment.uuid()
    machine = f"{execution.identity.machine_arn}/{label}"
    run = MapRun(
        arn=f"{machine.replace(':stateMachine:', ':mapRun:')}:{execution.environment.uuid()}",
        execution_arn=execution.identity.arn,
        state_machine_arn=machine,
        started_at=round(_now(visit), 3),
        max_concurrency=concurrency or 0,
        tolerated_failure_count=count,
        tolerated_failure_percentage=None if percentage is None else visit.evaluate(percentage, visit.data(given)),
    )
    values = [selected(visit, given, item) for item in items]
    run.children = [Child(value, count) for value, count in _batches(visit, given, values)]
    branch.map_run = run
    execution.map_runs.append(run)
    branch.write("MapRunStarted", "mapRunStartedEventDetails", mapRunArn=run.arn)
    return run


def _redrive(visit: Visit, run: MapRun) -> None:
    run.redrives += 1
    run.redriven_at = round(_now(visit), 3)
    run.status, run.stopped_at = "RUNNING", None
    visit.branch.write("MapRunRedriven", "mapRunRedrivenEventDetails", mapRunArn=run.arn, redriveCount=run.redrives)
    for child in run.children:
        if child.status not in ("PENDING", "SUCCEEDED"):
            run.count(child, -1)


def _work(visit: Visit, run: MapRun) -> Steps:
    """Run the children that have not succeeded. Raises StateError when too many have failed."""
    open_children = [number for number, child in enumerate(run.children) if child.status != "SUCCEEDED"]

    def start(number: int) -> Pending:
        if run.is_exceeded:
            return failed(StateError("States.ExceedToleratedFailureThreshold", _EXCEEDED))
        return _started(visit, run, run.children[number])

    limit = run.max_concurrency or MAX_CONCURRENCY
    yield all_of(open_children, min(limit, MAX_CONCURRENCY), start)
    if run.is_exceeded:
        raise StateError("States.ExceedToleratedFailureThreshold", _EXCEEDED)


def _started(visit: Visit, run: MapRun, child: Child) -> Pending:
    """Start or redrive a child execution; return its end. It fails when too many have failed."""

    def ended(_execution: "Execution") -> None:
        run.count(child)
        if run.is_exceeded:
            result.fail(StateError("States.ExceedToleratedFailureThreshold", _EXCEEDED))
        result.succeed()

    execution = child.execution
    if execution is not None and not execution.identity.express and execution.not_redrivable() is None:
        execution.redrive()
    else:
        execution = child.execution = _new_child(visit, run, child)
        execution.start()
    result = Pending(cancel=lambda: execution.stop(None, None))
    execution.when_ended(ended)
    return result


def _new_child(visit: Visit, run: MapRun, child: Child) -> "Execution":
    """Return a child execution. It has no variables of its parent."""
    state, parent = cast("MapState", visit.state), visit.branch.execution
    express = state.execution_type == "EXPRESS"
    name = parent.environment.uuid()
    identity = parent.identity.of_child(run.arn, run.state_machine_arn, name, express=express)
    return parent.child(state.processor, identity, compact(child.input))


def _stop(visit: Visit, run: MapRun, status: str) -> None:
    run.status, run.stopped_at = status, round(_now(visit), 3)


def _now(visit: Visit) -> float:
    return visit.branch.execution.environment.scheduler.clock.now()


def _batches(visit: Visit, given: Any, items: list[Any]) -> Iterator[tuple[Any, int]]:
    """Return the inputs of child executions, and how many items each has.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
    """
    batcher = cast("MapState", visit.state).item_batcher
    if batcher is None:
        yield from ((item, 1) for item in items)
        return
    most_items = visit.integer(batcher.max_items_per_batch) or len(items)
    most_bytes = visit.integer(batcher.max_input_bytes_per_batch) or float("inf")
    shared = {}
    if batcher.batch_input:
        shared = {"BatchInput": visit.evaluate(batcher.batch_input, visit.data(given))}
    overhead = len(compact({**shared, "Items": []}).encode())
    batch: list[Any] = []
    size = overhead
    for item in items:
        more = len(compact(item).encode()) + bool(batch)
        if batch and (len(batch) >= most_items or size + more > most_bytes):
            yield {**shared, "Items": batch}, len(batch)
            batch, size, more = [], overhead, more - 1
        batch.append(item)
        size += more
    if batch:
        yield {**shared, "Items": batch}, len(batch)
