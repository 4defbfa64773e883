"""Parallel states, and Map states whose iterations are part of the execution.

https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from millrace.local.services.stepfunctions.interpreter.definition import MapState, ParallelState
from millrace.local.services.stepfunctions.interpreter.errors import QUERY_ERROR, RUNTIME, StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.pending import Pending, all_of
from millrace.local.services.stepfunctions.interpreter.visit import Visit

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.branch import Branch

MAX_INLINE_CONCURRENCY = 40
"""https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
Item = dict[str, Any]
"""What the context object has as Map.Item: Index, Value, and Key where an object is iterated over."""


def run_parallel(visit: Visit) -> Steps:
    """Run all branches; return the array of their outputs."""
    state, branch = cast("ParallelState", visit.state), visit.branch
    value = visit.arguments(state.arguments)
    branch.write("ParallelStateStarted")
    if _is_new(branch, len(state.branches)):
        branch.inner = [branch.inner_branch(machine) for machine in state.branches]
        for each in branch.inner:
            each.begin(value)

    def start(number: int) -> Pending:
        branch.inner[number].event = branch.event
        return branch.execution.driver.spawn(branch.inner[number].steps())

    yield all_of(_unfinished(branch), len(branch.inner) or 1, start)
    branch.event = max(each.event for each in branch.inner)
    branch.note("ParallelStateSucceeded")
    return [each.output for each in branch.inner]


def run_map(visit: Visit) -> Steps:
    """Run an iteration for each item, at most 40 at once; return the array of their outputs."""
    state, branch = cast("MapState", visit.state), visit.branch
    given = visit.effective_input
    limit = visit.integer(state.max_concurrency) or MAX_INLINE_CONCURRENCY
    items = items_of(visit, given)
    branch.write("MapStateStarted", "mapStateStartedEventDetails", length=len(items))
    if _is_new(branch, len(items)):
        branch.inner = [branch.inner_branch(state.processor, item) for item in items]
    iterations = _Iterations(visit, given, items)
    yield all_of(_unfinished(branch), min(limit, MAX_INLINE_CONCURRENCY), iterations.start)
    branch.event = max(branch.event, iterations.last_event)
    branch.note("MapStateSucceeded")
    return [each.output for each in branch.inner]


class _Iterations:
    """Starts the iterations of a Map state. An iteration follows the one that has made room for it."""

    def __init__(self, visit: Visit, given: Any, items: list[Item]) -> None:
        self._visit = visit
        self._given = given
        self._items = items
        self._room = visit.branch.event
        self.last_event = 0

    def start(self, number: int) -> Pending:
        branch = self._visit.branch.inner[number]
        branch.event = self._room
        return self._visit.branch.execution.driver.spawn(self._iteration(number, branch))

    def _iteration(self, number: int, branch: "Branch") -> Steps:
        branch.event = self._note(branch, "Started", number)
        try:
            if branch.state is None:
                branch.begin(selected(self._visit, self._given, self._items[number]))
            yield from branch.steps()
        except StateError:
            self._note(branch, "Failed", number)
            self._visit.branch.event = branch.event
            raise
        except GeneratorExit:
            if not branch.execution.history.is_full:
                self._note(branch, "Aborted", number)
            raise
        self.last_event = self._note(branch, "Succeeded", number)
        self._room = branch.event

    def _note(self, branch: "Branch", what: str, number: int) -> int:
        name = f"mapIteration{what}EventDetails"
        return branch.note(f"MapIteration{what}", name, name=self._visit.state.name, index=number)


def _is_new(branch: "Branch", count: int) -> bool:
    """Return whether all branches run: unless a redrive continues with those that did not succeed."""
    return len(branch.inner) != count or all(each.succeeded for each in branch.inner)


def _unfinished(branch: "Branch") -> list[int]:
    return [number for number, each in enumerate(branch.inner) if not each.succeeded]


def items_of(visit: Visit, given: Any) -> list[Item]:
    """Return the items of an array or, in JSONata, of an object. Raises StateError."""
    state = cast("MapState", visit.state)
    found = visit.evaluate(state.items, visit.data(given)) if state.items else given
    if isinstance(found, list):
        return [{"Index": index, "Value": value} for index, value in enumerate(found)]
    if isinstance(found, dict) and state.is_jsonata:
        return [{"Index": index, "Key": key, "Value": found[key]} for index, key in enumerate(found)]
    name = state.items.name if state.items else ("Items" if state.is_jsonata else "ItemsPath")
    if state.is_jsonata:
        cause = f"Map state input must be an array or object but was: {type(found).__name__}"
        raise visit.evaluation_failed(QUERY_ERROR, cause, name)
    path = state.items.value if state.items else "$"
    raise visit.evaluation_failed(RUNTIME, f'Reference path "{path}" must point to array.', name)


def selected(visit: Visit, given: Any, item: Item) -> Any:
    """Return an item as ItemSelector shapes it. `$` is the input of the Map state."""
    state = cast("MapState", visit.state)
    if state.item_selector is None:
        return item["Value"]
    context: Mapping[str, Any] = {**visit.branch.context, "Map": {"Item": item}}
    return visit.evaluate(state.item_selector, visit.data(given, context=context))
