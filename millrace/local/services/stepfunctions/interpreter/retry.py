"""Retry and Catch of Task, Parallel and Map states.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import cast

from millrace.local.services.stepfunctions.interpreter.definition import Retrier, TaskState, WorkState
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.pending import until
from millrace.local.services.stepfunctions.interpreter.visit import Visit


def run_with_retries(visit: Visit, attempt: Callable[[Visit], Steps]) -> Steps:
    """Attempt the work of a state until it succeeds, is caught, or fails; return the output of the state."""
    state = cast("WorkState", visit.state)
    retries: Counter[int] = Counter()
    while True:
        try:
            return visit.finish((yield from attempt(visit)))
        except StateError as raised:
            error = raised
        delay = _delay(visit, error, retries)
        if delay is None:
            return _caught(visit, state, error)
        driver = visit.branch.execution.driver
        yield until(driver.scheduler, driver.scheduler.clock.now() + delay, f"retry of {driver.what}")
        visit.branch.leave()
        visit.branch.context["State"]["RetryCount"] += 1


def _delay(visit: Visit, error: StateError, retries: Counter[int]) -> float | None:
    """Return the seconds before the next attempt; None if there is none."""
    state, probe = cast("WorkState", visit.state), visit.branch.execution.probe
    for number, retrier in enumerate(state.retry):
        if error.matches(retrier.error_equals):
            made = retries[number] + (probe.retries.get(number, 0) if probe else 0)
            if made >= retrier.max_attempts:
                return None
            retries[number] += 1
            delay = backoff(retrier, made, visit.branch.execution.environment.random)
            if probe:
                raise probe.retriable(error, number, delay)
            return delay
    return None


def backoff(retrier: Retrier, made: int, random: Random) -> float:
    """Return the seconds before a retry, of which so many were made. Full jitter makes it random, from 0 on."""
    most = retrier.max_delay_seconds or float("inf")
    try:
        delay = min(retrier.interval_seconds * retrier.backoff_rate**made, most)
    except OverflowError:
        delay = most
    return random.uniform(0, delay) if retrier.jitter_strategy == "FULL" else delay


def _caught(visit: Visit, state: WorkState, error: StateError) -> object:
    if not isinstance(state, TaskState):
        visit.branch.write(f"{state.type}StateFailed")
    probe = visit.branch.execution.probe
    for number, catcher in enumerate(state.catch):
        if error.matches(catcher.error_equals):
            if probe:
                probe.caught(error, number)
            return visit.caught(catcher, error)
    raise error
