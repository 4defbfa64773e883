"""What each type of state does. Each function runs one visit and returns the output of the state."""

from collections.abc import Callable
from typing import Any, cast

from millrace.local.services.stepfunctions.interpreter.definition import (
    ChoiceState,
    FailState,
    Field,
    MapState,
    ParallelState,
    PassState,
    State,
    SucceedState,
    TaskState,
    WaitState,
)
from millrace.local.services.stepfunctions.interpreter.distributed import run_distributed_map
from millrace.local.services.stepfunctions.interpreter.errors import QUERY_ERROR, RUNTIME, StateError
from millrace.local.services.stepfunctions.interpreter.expressions import choose, parse_timestamp
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.forks import run_map, run_parallel
from millrace.local.services.stepfunctions.interpreter.pending import until
from millrace.local.services.stepfunctions.interpreter.retry import run_with_retries
from millrace.local.services.stepfunctions.interpreter.tasks import run_task
from millrace.local.services.stepfunctions.interpreter.visit import Visit


def run(visit: Visit) -> Steps:
    """Run a state."""
    simple = _SIMPLE.get(type(visit.state))
    if simple is not None:
        return simple(visit)
        yield  # a generator, as all others
    return (yield from _RUNS[type(visit.state)](visit))


def _pass(visit: Visit) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html."""
    state = cast("PassState", visit.state)
    value = visit.arguments(state.arguments)
    if state.result is not None:
        value = visit.evaluate(state.result, visit.data(value))
    return visit.finish(value)


def _succeed(visit: Visit) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html."""
    return visit.finish(visit.effective_input)


def _choice(visit: Visit) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html."""
    state, value = cast("ChoiceState", visit.state), visit.effective_input
    rule = visit.attempt(lambda: choose(state, visit.data(value)))
    visit.next = rule.next
    return visit.finish(value, rule)


def _fail(visit: Visit) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html."""
    state, data = cast("FailState", visit.state), visit.data(visit.input)
    error, cause = (visit.evaluate(field, data) if field else None for field in (state.error, state.cause))
    raise StateError(error, cause)


def _wait(visit: Visit) -> Steps:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html."""
    state, value = cast("WaitState", visit.state), visit.effective_input
    driver = visit.branch.execution.driver
    seconds = visit.integer(state.seconds)
    due = _moment(visit, state, value) if seconds is None else driver.scheduler.clock.now() + seconds
    if due > driver.scheduler.clock.now():
        yield until(driver.scheduler, due, f"wait of {driver.what}")
    return visit.finish(value)


def _moment(visit: Visit, state: WaitState, value: Any) -> float:
    """Return the seconds of Timestamp, which needs "T" and a zone. https://www.rfc-editor.org/rfc/rfc3339."""
    field = cast("Field", state.timestamp)
    text = visit.evaluate(field, visit.data(value))
    moment = parse_timestamp(text)
    if moment is None:
        expected = "does not reference a valid ISO-8601 extended offset date-time format string"
        cause = f"The {field.name} parameter {expected}: {field.value} == {text}"
        raise visit.evaluation_failed(QUERY_ERROR if state.is_jsonata else RUNTIME, cause, field.name)
    return moment


def _task(visit: Visit) -> Steps:
    return run_with_retries(visit, run_task)


def _parallel(visit: Visit) -> Steps:
    return run_with_retries(visit, run_parallel)


def _map(visit: Visit) -> Steps:
    state = cast("MapState", visit.state)
    return run_with_retries(visit, run_distributed_map if state.distributed else run_map)


_SIMPLE: dict[type[State], Callable[[Visit], Any]] = {
    ChoiceState: _choice,
    FailState: _fail,
    PassState: _pass,
    SucceedState: _succeed,
}
_RUNS: dict[type[State], Callable[[Visit], Steps]] = {
    MapState: _map,
    ParallelState: _parallel,
    TaskState: _task,
    WaitState: _wait,
}
