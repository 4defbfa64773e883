"""A distributed Map: child executions for items or batches of them, and how many of those may fail.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
moto's has no batches, tolerates every failure, reads neither JSON Lines nor long lists, and writes no results.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.scheduler import Hold
from millrace.local.services.stepfunctions.asl import results
from millrace.local.services.stepfunctions.asl.environment import Env, History
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.items import read
from millrace.local.services.stepfunctions.asl.progress import Progress
from millrace.local.services.stepfunctions.asl.results import Child
from millrace.local.services.stepfunctions.asl.templates import evaluated
from millrace.local.services.stepfunctions.asl.waits import Interrupted, Signal, entered

MOST_AT_ONCE = 40
"""Child executions at once. AWS runs up to 10,000."""
_EXCEEDED = "The specified tolerated failure threshold was exceeded"


def change() -> None:
    """Apply the changes to moto."""
    DistributedIterationComponent._eval_body = _eval_body


def _eval_body(component: Any, env: Env) -> None:
    given = env.stack.pop()
    record = given.map_run_record
    env.progress.in_map_run = True
    _tell(env, HistoryEventType.MapRunStarted, {"mapRunStartedEventDetails": {"mapRunArn": record.map_run_arn}})
    try:
        output = _MapRun(component, env, given).output()
    except FailureEventException as failed:
        error, cause = failed.extract_error_cause_pair() or (None, None)
        details = {key: value for key, value in (("error", error), ("cause", cause)) if value}
        _tell(env, HistoryEventType.MapRunFailed, {"mapRunFailedEventDetails": details})
        record.set_stop(status=MapRunStatus.FAILED)
        raise
    except Interrupted:
        record.set_stop(status=MapRunStatus.ABORTED)
        raise
    _tell(env, HistoryEventType.MapRunSucceeded)
    record.set_stop(status=MapRunStatus.SUCCEEDED)
    env.progress.in_map_run = False
    env.stack.append(output)


def _tell(env: Env, kind: Any, details: Any = None) -> None:
    env.event_manager.add_event(context=env.event_history_context, event_type=kind, event_details=details)


@dataclass(frozen=True)
class _Threshold:
    """How many items may fail. https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html."""

    count: int | None
    percentage: float | None

    def exceeded(self, failed: int, total: int) -> bool:
        if self.count is None and self.percentage is None:
            return failed > 0
        too_many = self.count is not None and failed > self.count
        return too_many or (self.percentage is not None and failed * 100 / total > self.percentage)


class _MapRun:
    def __init__(self, component: Any, env: Env, given: Any) -> None:
        self._env = env
        self._given = given
        self._state = component.millrace_state
        self._program = component._get_iteration_program()
        self._record = given.map_run_record
        self._extras = self._state.millrace
        named = {key.removesuffix("Path") for key in self._extras}
        self._threshold = _Threshold(
            given.tolerated_failure_count if "ToleratedFailureCount" in named else None,
            given.tolerated_failure_percentage if "ToleratedFailurePercentage" in named else None,
        )
        self._lock = threading.Lock()
        self._done = Signal()
        self._failed = 0

    def output(self) -> Any:
        items = read(self._env, self._state, self._given)
        selected = [self._selected(index, item) for index, item in enumerate(items)]
        children = [self._child(number, batch) for number, batch in enumerate(self._batches(selected))]
        self._total = len(selected)
        self._record.item_counter.total.count(self._total)
        self._record.execution_counter.total.count(len(children))
        self._work_off(children)
        if self._threshold.exceeded(self._failed, max(self._total, 1)):
            raise failure(self._env, "States.ExceedToleratedFailureThreshold", _EXCEEDED)
        return results.output(self._env, self._state, self._record, children)

    def _selected(self, index: int, item: Any) -> Any:
        """The item as ItemSelector shapes it: `$` is the input of the Map state."""
        selector = self._given.item_selector or self._given.parameters
        if not selector:
            return item
        frame = self._env.open_frame()
        try:
            frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
            frame.states.reset(self._env.states.get_input())
            frame.stack = [self._env.stack[-1]]
            selector.eval(frame)
            return frame.stack[-1]
        finally:
            self._env.delete_frame(frame)

    def _batches(self, items: list[Any]) -> Iterator[tuple[Any, int]]:
        """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html."""
        if "ItemBatcher" not in self._extras:
            yield from ((item, 1) for item in items)
            return
        batcher = evaluated(self._env, self._state, self._extras["ItemBatcher"])
        most_items, most_bytes = batcher.get("MaxItemsPerBatch"), batcher.get("MaxInputBytesPerBatch")
        shared = {"BatchInput": batcher["BatchInput"]} if "BatchInput" in batcher else {}
        batch: list[Any] = []
        for item in items:
            longer = [*batch, item]
            too_long = most_bytes is not None and len(to_json_str({**shared, "Items": longer})) > most_bytes
            if batch and (too_long or (most_items is not None and len(longer) > most_items)):
                yield {**shared, "Items": batch}, len(batch)
                longer = [item]
            batch = longer
        if batch:
            yield {**shared, "Items": batch}, len(batch)

    def _child(self, number: int, batch: tuple[Any, int]) -> Child:
        given, items = batch
        name = str(uuid.uuid4())
        arn = f"{self._record.map_state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        return Child(number, arn, name, self._record.map_state_machine_arn, given, items)

    def _work_off(self, children: list[Child]) -> None:
        waiting = iter(children)
        at_once = min(self._record.max_concurrency or MOST_AT_ONCE, MOST_AT_ONCE, len(children))
        self._at_work = at_once
        for _ in range(at_once):
            with self._env.run.working() as hold:
                threading.Thread(target=self._work, args=(waiting, hold), name="map run", daemon=True).start()
                hold.hand_over()
        if at_once:
            self._done.wait()

    def _work(self, waiting: Iterator[Child], hold: Hold) -> None:
        try:
            while child := self._next(waiting):
                self._run(child)
                self._count(child)
        finally:
            with self._lock:
                self._at_work -= 1
                last = not self._at_work
            if last:
                self._done.set()
            hold.release()

    def _next(self, waiting: Iterator[Child]) -> Child | None:
        with self._lock:
            over = self._done.is_set() or not self._env.is_running()
            return None if over else next(waiting, None)

    def _run(self, child: Child) -> None:
        """Run a child in a frame with no variables of the parent, as AWS has it."""
        env = self._env
        self._record.execution_counter.running.count()
        child.started_at = env.clock.now()
        frame = env.as_inner_frame_of(env, VariableStore(), EventHistoryContext.of_program_start())
        frame.event_manager, frame.progress = History(env.clock), Progress()
        context = frame.states.context_object.context_object_data
        context.pop("Map", None)
        context["Execution"] = {**context["Execution"], "Id": child.arn, "Name": child.name, "Input": child.input}
        with env._state_mutex:
            env._frames.append(frame)
        try:
            with entered(frame):
                frame.states.reset(child.input)
                self._program.eval(frame)
            self._reflect(child, frame)
        finally:
            env.delete_frame(frame)
            child.stopped_at = env.clock.now()
            self._record.execution_counter.running.offset(-1)

    def _reflect(self, child: Child, frame: Env) -> None:
        state = frame.program_state()
        if isinstance(state, ProgramEnded) and self._env.is_running():
            child.status, child.output = "SUCCEEDED", json.loads(to_json_str(frame.states.get_input()))
        elif isinstance(state, ProgramError):
            child.status = "FAILED"
            child.error, child.cause = (state.error or {}).get("error"), (state.error or {}).get("cause")
        else:
            child.status = "ABORTED"

    def _count(self, child: Child) -> None:
        field = {"SUCCEEDED": "succeeded", "FAILED": "failed"}.get(child.status, "aborted")
        getattr(self._record.execution_counter, field).count()
        getattr(self._record.item_counter, field).count(child.items)
        with self._lock:
            self._failed += child.items if child.status == "FAILED" else 0
            exceeded = self._threshold.exceeded(self._failed, self._total)
        if exceeded:
            self._done.set()
