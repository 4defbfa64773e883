"""Definitions: parsed once for each text, with what moto's grammar lacks set apart, and refused by name."""

import copy
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.state_parallel import StateParallel
from moto.stepfunctions.parser.asl.parse import asl_parser, preprocessor

_MOST_KEPT = 256
_BEYOND_GRAMMAR = ("ItemBatcher",)
SERVICES = frozenset({"aws-sdk", "dynamodb", "events", "lambda", "sns", "sqs", "states"})
"""The services whose integrations run here."""

READ = frozenset({"CSV", "JSON", "JSONL"})
"""The kinds of objects that an ItemReader reads here."""

_parse = asl_parser.AmazonStateLanguageParser.parse
_kept: OrderedDict[str, tuple[Any, Any]] = OrderedDict()
_lock = threading.Lock()


class InvalidDefinitionError(ValueError):
    """A definition that AWS would refuse, or that the local cloud cannot run."""


def change() -> None:
    """Change moto, which leaves the escapes of JSON texts as they stand, or reads them as Python's."""
    preprocessor.Preprocessor._inner_string_of = staticmethod(_text)
    preprocessor.from_string_literal = _text


def _text(parser_rule_context: Any) -> Any:
    literal = parser_rule_context.getText()
    return json.loads(literal) if literal.startswith('"') or literal == "null" else literal


def parsed(definition: str) -> Any:
    """The program of a definition. Raises InvalidDefinitionError."""
    return parse(definition)[0]


def parse(definition: str) -> tuple[Any, Any]:
    """The program and the syntax tree of a definition; programs hold no state, so one serves every execution."""
    with _lock:
        if definition in _kept:
            _kept.move_to_end(definition)
            return _kept[definition]
        made = _parsed(definition)
        _kept[definition] = made
        if len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
        return made


def _parsed(definition: str) -> tuple[Any, Any]:
    try:
        wanted = json.loads(definition)
    except ValueError as error:
        raise InvalidDefinitionError(f"INVALID_JSON_DESCRIPTION: {error}") from error
    _check(wanted)
    plain, extras = _set_apart(wanted)
    try:
        program, tree = _parse(json.dumps(plain))
    except Exception as error:
        raise InvalidDefinitionError(f"SCHEMA_VALIDATION_FAILED: {error}") from error
    for state in _states(program.states):
        state.millrace = extras.get(state.name, {})
        if isinstance(state, StateMap):
            state.iteration_component.millrace_state = state
        _name_heap_keys(state)
    return program, tree


def check_express(definition: str) -> None:
    """Refuse what an express machine cannot have. Raises InvalidDefinitionError.

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    for name, state in _raw_states(json.loads(definition)):
        pattern = str(state.get("Resource", "")).rpartition(".")[2]
        if state.get("Type") == "Task" and pattern.startswith(("sync", "waitForTaskToken")):
            raise InvalidDefinitionError(
                f"SCHEMA_VALIDATION_FAILED: Express state machine does not support '.{pattern}' service integration "
                f"at /States/{name}/Resource"
            )
        if "DISTRIBUTED" in json.dumps((state.get("ItemProcessor") or {}).get("ProcessorConfig")):
            raise InvalidDefinitionError(
                f"SCHEMA_VALIDATION_FAILED: Express state machine does not support a Distributed Map at /States/{name}"
            )


def fragment(template: Any, language: str) -> Any:
    """The component that evaluates a payload template of a query language."""
    jsonata = language == "JSONata"
    state = {"Type": "Pass", "Output" if jsonata else "Parameters": template, "End": True}
    program = parsed(json.dumps({"QueryLanguage": language, "StartAt": "It", "States": {"It": state}}))
    it = program.states.states["It"]
    return it.output.jsonata_template_value if jsonata else it.parameters.template_eval_component


def _check(definition: Any) -> None:
    if not isinstance(definition, dict):
        raise InvalidDefinitionError("INVALID_JSON_DESCRIPTION: a definition is an object")
    names = [name for name, _ in _raw_states(definition)]
    for name, state in _raw_states(definition):
        if names.count(name) > 1:
            raise InvalidDefinitionError(f"SCHEMA_VALIDATION_FAILED: State name '{name}' is not unique")
        _check_targets(name, state)
        if state.get("Type") == "Task":
            _check_resource(name, str(state.get("Resource", "")))
        if "ReaderConfig" in (state.get("ItemReader") or {}):
            _check_reader(name, state["ItemReader"]["ReaderConfig"])
    _check_transitions(definition)


def _check_targets(name: str, state: dict[str, Any]) -> None:
    if len(name) > 80:  # noqa: PLR2004 - AWS's own limit
        raise InvalidDefinitionError(f"SCHEMA_VALIDATION_FAILED: State name '{name}' is longer than 80 characters")
    ends = state.get("Type") in {"Choice", "Succeed", "Fail"}
    if not ends and ("Next" in state) == bool(state.get("End")):
        raise InvalidDefinitionError(f"SCHEMA_VALIDATION_FAILED: State '{name}' needs either Next or End")


def _check_resource(name: str, resource: str) -> None:
    parts = resource.split(":")
    if parts[2:3] == ["lambda"]:
        return
    if parts[2:3] != ["states"] or len(parts) < 7:  # noqa: PLR2004 - the parts of an ARN
        raise InvalidDefinitionError(
            f"SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN at /States/{name}/Resource: {resource!r}"
        )
    if parts[5] not in SERVICES:
        what = "an activity" if parts[5] == "activity" else f"the integration {parts[5]}"
        raise InvalidDefinitionError(
            f"The local cloud does not run {what} ({resource}, state '{name}'). "
            f"It runs {', '.join(sorted(SERVICES))} and functions by their ARN."
        )


def _check_reader(name: str, config: dict[str, Any]) -> None:
    kind = config.get("InputType", "JSON")
    if kind not in READ or "Transformation" in config:
        params = kind if kind not in READ else f"Transformation {config['Transformation']}"
        raise InvalidDefinitionError(
            f"The local cloud does not read the items of {params} (state '{name}'). It reads {', '.join(sorted(READ))}."
        )


def _check_transitions(scope: dict[str, Any]) -> None:
    """Every state that is named as a next one must stand in the same scope."""
    states = scope.get("States") or {}
    wanted = {(scope.get("StartAt"), "StartAt")}
    for name, state in states.items():
        places = [state, *(state.get("Catch") or []), *(state.get("Choices") or [])]
        wanted |= {(place["Next"], name) for place in places if "Next" in place}
        wanted |= {(state["Default"], name)} if "Default" in state else set()
        for inner in _scopes(state):
            _check_transitions(inner)
    for target, source in wanted:
        if target not in states:
            raise InvalidDefinitionError(
                f"SCHEMA_VALIDATION_FAILED: MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {source}"
            )


def _scopes(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from state.get("Branches") or []
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield state[key]


def _raw_states(scope: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    states = scope.get("States")
    if not isinstance(states, dict):
        raise InvalidDefinitionError("SCHEMA_VALIDATION_FAILED: a definition needs States")
    for name, state in states.items():
        yield name, state
        for inner in _scopes(state):
            yield from _raw_states(inner)


def _set_apart(definition: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What moto's grammar knows, and by state name what it lacks of Map states."""
    plain, extras = copy.deepcopy(definition), {}
    for name, state in _raw_states(plain):
        if state.get("Type") != "Map":
            continue
        kept = {key: state.pop(key) for key in _BEYOND_GRAMMAR if key in state}
        kept |= {key: True for key in state if key.startswith("Tolerated")}
        if isinstance(state.get("ToleratedFailurePercentage"), int):
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
        if "ReaderConfig" in state.get("ItemReader", {}):
            kept["ReaderConfig"] = state["ItemReader"].pop("ReaderConfig")
        kept["ResultWriter"] = state.pop("ResultWriter", None)
        config = (state.get("ItemProcessor") or {}).get("ProcessorConfig") or {}
        kept["Express"] = config.get("ExecutionType") == "EXPRESS"
        if kept["Express"]:
            config["ExecutionType"] = "STANDARD"
        extras[name] = kept
    return plain, extras


def _states(states: Any) -> Iterator[Any]:
    for state in states.states.values():
        yield state
        if isinstance(state, StateParallel):
            for program in state.branches.programs:
                yield from _states(program.states)
        if isinstance(state, StateMap):
            yield from _states(state.iteration_component._states)


def _name_heap_keys(state: Any) -> None:
    """Two threads that ask a component for its key first would be given two."""
    for retrier in getattr(getattr(state, "retry", None), "retriers", ()):
        _ = (retrier.max_attempts.heap_key, retrier.backoff_rate.heap_key)
