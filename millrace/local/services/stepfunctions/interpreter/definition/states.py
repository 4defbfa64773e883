"""The states of a machine: typed, frozen, and read from the fields that each class declares.

They have neither comparison nor text: to generate these takes most of the time of the import.

https://states-language.net/spec.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource
from millrace.local.services.stepfunctions.interpreter.definition.schema import (
    How,
    anything,
    arn,
    boolean,
    dynamic,
    input_reference,
    label_text,
    moment,
    nested,
    number,
    one_of,
    path,
    static,
    template,
    text,
    texts,
)
from millrace.local.services.stepfunctions.interpreter.expressions import ChoiceRule, Field

Path = str | None
"""A path, or null in the definition: InputPath and OutputPath then give {}, ResultPath discards the result."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Retrier:
    """One object of Retry."""

    error_equals: Annotated[tuple[str, ...], static("ErrorEquals", texts, required=True)]
    interval_seconds: Annotated[int, static("IntervalSeconds", number(1))] = 1
    max_attempts: Annotated[int, static("MaxAttempts", number(0))] = 3
    backoff_rate: Annotated[float, static("BackoffRate", number(1.0, whole=False))] = 2.0
    max_delay_seconds: Annotated[int | None, static("MaxDelaySeconds", number(1, 31_622_400))] = None
    jitter_strategy: Annotated[str, static("JitterStrategy", one_of("FULL", "NONE"))] = "NONE"
    comment: Annotated[str | None, static("Comment", text)] = None

    @property
    def full_jitter(self) -> bool:
        """Return whether a delay is random, up to the computed one."""
        return self.jitter_strategy == "FULL"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Catcher:
    """One object of Catch."""

    error_equals: Annotated[tuple[str, ...], static("ErrorEquals", texts, required=True)]
    next: Annotated[str, static("Next", text, required=True)]
    result_path: Annotated[Path, static("ResultPath", input_reference)] = "$"
    assign: Annotated[Field | None, template("Assign")] = None
    output: Annotated[Field | None, template("Output")] = None
    comment: Annotated[str | None, static("Comment", text)] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class State:
    """What states have in common. `next` is None where the state ends its machine, branch or iteration."""

    unsupported: ClassVar[frozenset[str]] = frozenset()

    name: str
    query_language: str
    comment: Annotated[str | None, static("Comment", text)] = None
    next: Annotated[str | None, static("Next", text)] = None
    end: Annotated[bool, static("End", boolean)] = False
    input_path: Annotated[Path, static("InputPath", path)] = "$"
    output_path: Annotated[Path, static("OutputPath", path)] = "$"
    assign: Annotated[Field | None, template("Assign")] = None
    output: Annotated[Field | None, template("Output")] = None

    @property
    def type(self) -> str:
        """The type as the definition and the history have it, such as Task."""
        return type(self).__name__.removesuffix("State")

    @property
    def is_jsonata(self) -> bool:
        """Return whether the state evaluates JSONata, not JSONPath."""
        return self.query_language == "JSONata"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PassState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html."""

    result: Annotated[Field | None, template("Result")] = None
    arguments: Annotated[Field | None, template("Parameters")] = None
    result_path: Annotated[Path, static("ResultPath", input_reference)] = "$"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WorkState(State):
    """What Task, Parallel and Map have in common. `arguments` are Arguments or Parameters."""

    arguments: Annotated[Field | None, template("Arguments", "Parameters")] = None
    result_selector: Annotated[Field | None, template("ResultSelector")] = None
    result_path: Annotated[Path, static("ResultPath", input_reference)] = "$"
    retry: Annotated[tuple[Retrier, ...], nested(How.NESTED, "Retry", of=Retrier)] = ()
    catch: Annotated[tuple[Catcher, ...], nested(How.NESTED, "Catch", of=Catcher)] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TaskState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html."""

    resource: Annotated[Resource, static("Resource", arn, required=True)]
    timeout_seconds: Annotated[Field | None, dynamic("TimeoutSeconds", number(1))] = None
    heartbeat_seconds: Annotated[Field | None, dynamic("HeartbeatSeconds", number(1))] = None
    credentials: Annotated[Field | None, template("Credentials")] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChoiceState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html."""

    unsupported = frozenset({"Next", "End"})

    choices: Annotated[tuple[ChoiceRule, ...], nested(How.RULES, "Choices", required=True)]
    default_next: Annotated[str | None, static("Default", text)] = None

    @property
    def default(self) -> ChoiceRule | None:
        """Return what applies if no rule does: the state's own Assign and Output belong to it."""
        return ChoiceRule(self.default_next, None, self.assign, self.output) if self.default_next else None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WaitState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html. One of the two fields is given."""

    seconds: Annotated[Field | None, dynamic("Seconds", number(0))] = None
    timestamp: Annotated[Field | None, dynamic("Timestamp", moment)] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SucceedState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html."""

    unsupported = frozenset({"Next", "End", "Assign"})


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FailState(State):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html."""

    unsupported = frozenset({"Next", "End", "Assign", "InputPath", "OutputPath", "Output"})

    error: Annotated[Field | None, dynamic("Error", text)] = None
    cause: Annotated[Field | None, dynamic("Cause", text)] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ParallelState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html."""

    branches: Annotated[tuple["StateMachine", ...], nested(How.BRANCHES, "Branches", required=True)]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ReaderConfig:
    """The object ReaderConfig."""

    input_type: Annotated[str | None, static("InputType", one_of("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"))] = None
    transformation: Annotated[str | None, static("Transformation", one_of("NONE", "LOAD_AND_FLATTEN"))] = None
    manifest_type: Annotated[str | None, static("ManifestType", text)] = None
    csv_header_location: Annotated[str | None, static("CSVHeaderLocation", one_of("FIRST_ROW", "GIVEN"))] = None
    csv_headers: Annotated[tuple[str, ...], static("CSVHeaders", texts)] = ()
    csv_delimiter: Annotated[str, static("CSVDelimiter", one_of("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"))] = (
        "COMMA"
    )
    items_pointer: Annotated[str | None, static("ItemsPointer", text)] = None
    max_items: Annotated[Field | None, dynamic("MaxItems", number(0, 100_000_000))] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ItemReader(ReaderConfig):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html."""

    inside: ClassVar[tuple[str, type]] = ("ReaderConfig", ReaderConfig)

    resource: Annotated[Resource, static("Resource", arn, required=True)]
    arguments: Annotated[Field | None, template("Arguments", "Parameters")] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ItemBatcher:
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html."""

    batch_input: Annotated[Field | None, template("BatchInput")] = None
    max_items_per_batch: Annotated[Field | None, dynamic("MaxItemsPerBatch", number(0))] = None
    max_input_bytes_per_batch: Annotated[Field | None, dynamic("MaxInputBytesPerBatch", number(0))] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WriterConfig:
    """The object WriterConfig."""

    output_type: Annotated[str, static("OutputType", one_of("JSON", "JSONL"))] = "JSON"
    transformation: Annotated[str, static("Transformation", one_of("NONE", "COMPACT", "FLATTEN"))] = "NONE"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ResultWriter(WriterConfig):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html."""

    inside: ClassVar[tuple[str, type]] = ("WriterConfig", WriterConfig)

    resource: Annotated[Resource | None, static("Resource", arn)] = None
    arguments: Annotated[Field | None, template("Arguments", "Parameters")] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MapState(WorkState):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html.

    `item_selector` is ItemSelector, or Parameters as older definitions have it.
    """

    processor: Annotated["StateMachine", nested(How.PROCESSOR, "ItemProcessor", "Iterator", required=True)]
    arguments: Field | None = None
    items: Annotated[Field | None, dynamic("Items", anything)] = None
    item_selector: Annotated[Field | None, template("ItemSelector", "Parameters")] = None
    max_concurrency: Annotated[Field | None, dynamic("MaxConcurrency", number(0))] = None
    item_reader: Annotated[ItemReader | None, nested(How.OBJECT, "ItemReader", of=ItemReader)] = None
    item_batcher: Annotated[ItemBatcher | None, nested(How.OBJECT, "ItemBatcher", of=ItemBatcher)] = None
    result_writer: Annotated[ResultWriter | None, nested(How.OBJECT, "ResultWriter", of=ResultWriter)] = None
    tolerated_failure_count: Annotated[Field | None, dynamic("ToleratedFailureCount", number(0))] = None
    tolerated_failure_percentage: Annotated[
        Field | None, dynamic("ToleratedFailurePercentage", number(0.0, 100.0, whole=False))
    ] = None
    label: Annotated[str | None, static("Label", label_text)] = None

    @property
    def distributed(self) -> bool:
        """Return whether each item is a child execution."""
        return self.processor.config.get("Mode") == "DISTRIBUTED"

    @property
    def execution_type(self) -> str:
        """STANDARD or EXPRESS, of the child executions."""
        return str(self.processor.config.get("ExecutionType", "STANDARD"))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StateMachine:
    """A machine, a branch of a Parallel state, or the processor of a Map state with its ProcessorConfig."""

    start_at: Annotated[str, static("StartAt", text, required=True)]
    states: Mapping[str, State] = field(default_factory=dict)
    query_language: str = "JSONPath"
    timeout_seconds: Annotated[int | None, static("TimeoutSeconds", number(1))] = None
    comment: Annotated[str | None, static("Comment", text)] = None
    version: Annotated[str, static("Version", text)] = "1.0"
    config: Mapping[str, Any] = field(default_factory=dict)


def inner_machines(state: State) -> tuple[StateMachine, ...]:
    """Return the branches or the processor of a state."""
    if isinstance(state, ParallelState):
        return state.branches
    return (state.processor,) if isinstance(state, MapState) else ()


TYPES: dict[str, type[State]] = {
    "Task": TaskState,
    "Wait": WaitState,
    "Pass": PassState,
    "Succeed": SucceedState,
    "Fail": FailState,
    "Choice": ChoiceState,
    "Parallel": ParallelState,
    "Map": MapState,
}
