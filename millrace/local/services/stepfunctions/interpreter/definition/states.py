"""The states of a machine: typed, frozen, and with the query language of each field resolved.

https://states-language.net/spec.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource

Path = str | None
"""A path, or null in the definition: InputPath and OutputPath then give {}, ResultPath discards the result."""


class Kind(Enum):
    """How the value of a field becomes data."""

    LITERAL = "literal"
    PATH = "path"  # a JSONPath, or an intrinsic function
    TEMPLATE = "template"  # a JSONPath payload template: names that end in ".$" are evaluated
    JSONATA = "jsonata"  # each string "{% ... %}", at any depth, is evaluated


@dataclass(frozen=True)
class Field:
    """A field whose value is known when its state runs. `name` is as the definition has it, such as SecondsPath."""

    name: str
    value: Any
    kind: Kind


@dataclass(frozen=True)
class Retrier:
    """One object of Retry."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False


@dataclass(frozen=True)
class Catcher:
    """One object of Catch."""

    error_equals: tuple[str, ...]
    next: str
    result_path: Path = "$"
    assign: Field | None = None
    output: Field | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """What states have in common. `next` is None where the state ends its machine, branch or iteration."""

    name: str
    query_language: str
    comment: str | None = None
    next: str | None = None
    input_path: Path = "$"
    output_path: Path = "$"
    assign: Field | None = None
    output: Field | None = None

    @property
    def type(self) -> str:
        """The type as the definition and the history have it, such as Task."""
        return type(self).__name__.removesuffix("State")

    @property
    def is_jsonata(self) -> bool:
        """Return whether the state evaluates JSONata, not JSONPath."""
        return self.query_language == "JSONata"


@dataclass(frozen=True, kw_only=True)
class PassState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html."""

    result: Field | None = None
    arguments: Field | None = None
    result_path: Path = "$"


@dataclass(frozen=True, kw_only=True)
class WorkState(State):
    """What Task, Parallel and Map have in common. `arguments` are Arguments or Parameters."""

    arguments: Field | None = None
    result_selector: Field | None = None
    result_path: Path = "$"
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html."""

    resource: Resource
    timeout_seconds: Field | None = None
    heartbeat_seconds: Field | None = None
    credentials: Field | None = None


@dataclass(frozen=True)
class Comparison:
    """A data test of JSONPath. `operator` has no suffix Path; `value` is then the path to compare with."""

    variable: str
    operator: str
    value: Any
    by_path: bool = False


@dataclass(frozen=True)
class Combination:
    """And, Or or Not of other tests."""

    operator: str
    tests: tuple["Test", ...]


Test = Comparison | Combination | Field
"""When a rule applies. A Field is the Condition of JSONata."""


@dataclass(frozen=True)
class ChoiceRule:
    """One object of Choices. `test` is None for Default."""

    next: str
    test: Test | None = None
    assign: Field | None = None
    output: Field | None = None


@dataclass(frozen=True, kw_only=True)
class ChoiceState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html."""

    choices: tuple[ChoiceRule, ...]
    default: ChoiceRule | None = None


@dataclass(frozen=True, kw_only=True)
class WaitState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html. One of the two fields is given."""

    seconds: Field | None = None
    timestamp: Field | None = None


@dataclass(frozen=True, kw_only=True)
class SucceedState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html."""


@dataclass(frozen=True, kw_only=True)
class FailState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html."""

    error: Field | None = None
    cause: Field | None = None


@dataclass(frozen=True, kw_only=True)
class ParallelState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html."""

    branches: tuple["StateMachine", ...]


@dataclass(frozen=True)
class ItemReader:
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html."""

    resource: Resource
    arguments: Field | None = None
    input_type: str | None = None
    transformation: str | None = None
    manifest_type: str | None = None
    csv_header_location: str | None = None
    csv_headers: tuple[str, ...] = ()
    csv_delimiter: str = "COMMA"
    items_pointer: str | None = None
    max_items: Field | None = None


@dataclass(frozen=True)
class ItemBatcher:
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html."""

    batch_input: Field | None = None
    max_items_per_batch: Field | None = None
    max_input_bytes_per_batch: Field | None = None


@dataclass(frozen=True)
class ResultWriter:
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html."""

    resource: Resource | None = None
    arguments: Field | None = None
    output_type: str = "JSON"
    transformation: str = "NONE"


@dataclass(frozen=True, kw_only=True)
class MapState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html.

    `items` are ItemsPath or Items; `item_selector` is ItemSelector, or Parameters as older definitions have it.
    """

    processor: "StateMachine"
    distributed: bool = False
    execution_type: str = "STANDARD"
    items: Field | None = None
    item_selector: Field | None = None
    max_concurrency: Field | None = None
    item_reader: ItemReader | None = None
    item_batcher: ItemBatcher | None = None
    result_writer: ResultWriter | None = None
    tolerated_failure_count: Field | None = None
    tolerated_failure_percentage: Field | None = None
    label: str | None = None


@dataclass(frozen=True)
class StateMachine:
    """A machine, a branch of a Parallel state, or the processor of a Map state."""

    start_at: str
    states: Mapping[str, State]
    query_language: str = "JSONPath"
    timeout_seconds: int | None = None
    comment: str | None = None
    version: str = "1.0"

    @cached_property
    def all_states(self) -> tuple[State, ...]:
        """All states, those of branches and processors too. No name occurs twice."""
        return tuple(self._walk())

    def _walk(self) -> Iterator[State]:
        waiting = [self]
        while waiting:
            machine = waiting.pop(0)
            yield from machine.states.values()
            for state in machine.states.values():
                waiting += inner_machines(state)


def inner_machines(state: State) -> tuple[StateMachine, ...]:
    """Return the branches or the processor of a state."""
    if isinstance(state, ParallelState):
        return state.branches
    return (state.processor,) if isinstance(state, MapState) else ()
