"""Diagnostics of a definition, as ValidateStateMachineDefinition and CreateStateMachine give them.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from millrace.local.core.json_text import jackson_error, jackson_source, reject_lone_surrogates
from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import Diagnostic, InvalidDefinitionError
from millrace.local.services.stepfunctions.interpreter.definition.reader import SCHEMA, Reader
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    Catcher,
    ChoiceState,
    MapState,
    ParallelState,
    Retrier,
    State,
    StateMachine,
    TaskState,
    WaitState,
    WorkState,
)

MOST_NESTED = 500
_JSON = "INVALID_JSON_DESCRIPTION"
_BRACKET = re.compile(r'"(?:[^"\\]|\\.?)*"?|([\[{])|([\]}])', re.DOTALL)


def parse(definition: str | Mapping[str, Any], *, express: bool = False) -> StateMachine:
    """Return the state machine of a definition. Raises InvalidDefinitionError with all diagnostics."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    machine, diagnostics = _read(text, express=express)
    errors = [each for each in diagnostics if each.severity == "ERROR"]
    if errors or machine is None:
        raise InvalidDefinitionError(errors)
    return machine


def validate(text: str, *, express: bool = False) -> list[Diagnostic]:
    """Return the diagnostics of a definition."""
    return _read(text, express=express)[1]


def _read(text: str, *, express: bool) -> tuple[StateMachine | None, list[Diagnostic]]:
    reader = Reader()
    try:
        node = _loaded(text)
        if not isinstance(node, dict):
            return None, [Diagnostic(_JSON if text.strip() else SCHEMA, "Definition must be a valid JSON object")]
        machine = reader.read(node)
    except json.JSONDecodeError as error:
        return None, [_not_json(text, error)]
    except (ValueError, RecursionError) as error:
        return None, [Diagnostic(_JSON, str(error))]
    found = reader.diagnostics
    for check in (_check_states, _check_express if express else None, _check_graph):
        if check and not any(each.severity == "ERROR" for each in found):
            found = [*check(machine, ""), *found]
    return machine, found


def _not_json(text: str, error: json.JSONDecodeError) -> Diagnostic:
    source = jackson_source(text, error)
    return Diagnostic(_JSON, f"{jackson_error(text, error)}\n at {source}", source)


def _loaded(text: str) -> Any:
    """Raises ValueError for text that is no JSON, or is nested too deeply."""
    if not text.strip():
        return None
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        depth += bool(match[1]) - bool(match[2])
        deepest = max(depth, deepest)
    if deepest > MOST_NESTED:
        raise ValueError(f"Document nesting depth ({deepest}) exceeds the maximum allowed ({MOST_NESTED})")
    node = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
    return reject_lone_surrogates(node, escaped=True)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    node = dict(pairs)
    if len(node) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"Duplicate field '{next(name for name in names if names.count(name) > 1)}'")
    return node


def _check_states(machine: StateMachine, at: str) -> Iterator[Diagnostic]:
    """Rules of more than one field."""
    for state, start in _walk(machine, at):
        if not state.unsupported & {"Next", "End"} and (state.next is None) != state.end:
            yield Diagnostic(SCHEMA, f"State '{state.name}' needs either Next or End", start)
        if isinstance(state, WaitState) and (state.seconds is None) == (state.timestamp is None):
            names = "Seconds, SecondsPath, Timestamp, TimestampPath"
            yield Diagnostic(SCHEMA, f"There should be exactly one of the following fields: [{names}]", start)
        if isinstance(state, WorkState):
            yield from _check_errors(state.retry, f"{start}/Retry")
            yield from _check_errors(state.catch, f"{start}/Catch")


def _check_errors(clauses: Sequence[Retrier | Catcher], at: str) -> Iterator[Diagnostic]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html."""
    for number, clause in enumerate(clauses):
        names, is_last = clause.error_equals, number == len(clauses) - 1
        if "States.ALL" in names and not (is_last and len(names) == 1):
            yield Diagnostic(
                SCHEMA, "States.ALL must appear alone and in the last object", f"{at}[{number}]/ErrorEquals"
            )


def _check_express(machine: StateMachine, at: str) -> Iterator[Diagnostic]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html."""
    no = "Express state machine does not support"
    for state, start in _walk(machine, at):
        if isinstance(state, TaskState) and state.resource.service == "activity":
            yield Diagnostic(SCHEMA, f"{no} Activity ARN", f"{start}/Resource")
        elif isinstance(state, TaskState) and state.resource.pattern:
            yield Diagnostic(SCHEMA, f"{no} '.{state.resource.pattern}' service integration ", f"{start}/Resource")
        elif isinstance(state, MapState) and state.distributed:
            yield Diagnostic(SCHEMA, f"{no} a Distributed Map", start)


def _check_graph(machine: StateMachine, at: str) -> Iterator[Diagnostic]:
    """Each target exists, a state ends the machine, and each state is reached."""
    targets = {name: list(_targets(state)) for name, state in machine.states.items()}
    edges = [("/StartAt", machine.start_at)]
    edges += [(f"/States/{name}/{field}", target) for name, each in targets.items() for field, target in each]
    for field, target in edges:
        if target not in machine.states:
            yield Diagnostic("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {target}", at + field)
    if all(state.next or isinstance(state, ChoiceState) for state in machine.states.values()):
        yield Diagnostic("MISSING_END_STATE", "Workflow has no terminal state")
    else:
        yield from _unreachable(machine, targets, at)
    for name, state in machine.states.items():
        for field, inner in _inner(state):
            yield from _check_graph(inner, f"{at}/States/{name}/{field}")


def _unreachable(machine: StateMachine, targets: Mapping[str, list[tuple[str, str]]], at: str) -> Iterator[Diagnostic]:
    reached: set[str] = set()
    waiting = [machine.start_at]
    while waiting:
        name = waiting.pop()
        if name in targets and name not in reached:
            reached.add(name)
            waiting += [target for _, target in targets[name]]
    for name in machine.states:
        if name not in reached:
            yield Diagnostic("MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', f"{at}/States/{name}")


def _targets(state: State) -> Iterator[tuple[str, str]]:
    if state.next is not None:
        yield "Next", state.next
    if isinstance(state, ChoiceState):
        yield from ((f"Choices[{number}]/Next", rule.next) for number, rule in enumerate(state.choices))
        if state.default:
            yield "Default", state.default.next
    if isinstance(state, WorkState):
        yield from ((f"Catch[{number}]/Next", catcher.next) for number, catcher in enumerate(state.catch))


def _walk(machine: StateMachine, at: str) -> Iterator[tuple[State, str]]:
    for name, state in machine.states.items():
        yield state, f"{at}/States/{name}"
        for field, inner in _inner(state):
            yield from _walk(inner, f"{at}/States/{name}/{field}")


def _inner(state: State) -> Iterator[tuple[str, StateMachine]]:
    if isinstance(state, ParallelState):
        yield from ((f"Branches[{number}]", branch) for number, branch in enumerate(state.branches))
    elif isinstance(state, MapState):
        yield "ItemProcessor", state.processor
