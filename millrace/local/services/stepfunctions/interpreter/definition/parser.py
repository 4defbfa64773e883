"""Definitions into states. `validation` has accepted what comes here, so nothing is checked twice."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import InvalidDefinitionError
from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource, parse_resource
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    Combination,
    Comparison,
    FailState,
    Field,
    ItemBatcher,
    ItemReader,
    Kind,
    MapState,
    ParallelState,
    PassState,
    ResultWriter,
    Retrier,
    State,
    StateMachine,
    SucceedState,
    TaskState,
    Test,
    WaitState,
)
from millrace.local.services.stepfunctions.interpreter.definition.validation import validate

Node = Mapping[str, Any]
_TEMPLATES = frozenset({"Parameters", "ResultSelector", "ItemSelector", "Assign", "BatchInput", "Credentials"})


def parse(definition: str | Node, *, express: bool = False) -> StateMachine:
    """Return the state machine of a definition. Raises InvalidDefinitionError with all diagnostics."""
    text = definition if isinstance(definition, str) else json.dumps(definition)
    errors = [each for each in validate(text, express=express) if each.severity == "ERROR"]
    if errors:
        raise InvalidDefinitionError(errors)
    return _machine(json.loads(text), "JSONPath")


def _machine(node: Node, language: str) -> StateMachine:
    language = node.get("QueryLanguage", language)
    return StateMachine(
        start_at=node["StartAt"],
        states={name: _state(name, state, language) for name, state in node["States"].items()},
        query_language=language,
        timeout_seconds=node.get("TimeoutSeconds"),
        comment=node.get("Comment"),
        version=node.get("Version", "1.0"),
    )


def _state(name: str, node: Node, language: str) -> State:
    reader = _Reader(node, node.get("QueryLanguage", language), language)
    return _BUILDERS[node["Type"]](reader, {"name": name, **reader.common()})


class _Reader:
    """Reads the fields of one object of a definition in the query language of its state.

    `outer` is the language of the machine, which states of a branch or a processor inherit.
    """

    def __init__(self, node: Node, language: str, outer: str) -> None:
        self.node, self.language, self.outer = node, language, outer

    def of(self, node: Node) -> "_Reader":
        """Return a reader of an object inside this one."""
        return _Reader(node, self.language, self.outer)

    def field(self, *names: str) -> Field | None:
        """Return the first of these fields that is given."""
        return next((Field(name, self.node[name], self._kind(name)) for name in names if name in self.node), None)

    def _kind(self, name: str) -> Kind:
        if self.language == "JSONata":
            return Kind.JSONATA
        if name in _TEMPLATES:
            return Kind.TEMPLATE
        return Kind.PATH if name.endswith("Path") else Kind.LITERAL

    def common(self) -> dict[str, Any]:
        """Return what every state has."""
        return {
            "query_language": self.language,
            "comment": self.node.get("Comment"),
            "next": self.node.get("Next"),
            "input_path": self.node.get("InputPath", "$"),
            "output_path": self.node.get("OutputPath", "$"),
            "assign": self.field("Assign"),
            "output": self.field("Output"),
        }

    def work(self) -> dict[str, Any]:
        """Return what Task, Parallel and Map have in common."""
        return {
            "arguments": self.field("Arguments", "Parameters"),
            "result_selector": self.field("ResultSelector"),
            "result_path": self.node.get("ResultPath", "$"),
            "retry": tuple(_retrier(each) for each in self.node.get("Retry", ())),
            "catch": tuple(_catcher(self.of(each)) for each in self.node.get("Catch", ())),
        }

    def resource(self) -> Resource:
        """Return the resource, which validation has accepted."""
        resource = parse_resource(self.node["Resource"])
        assert resource is not None  # noqa: S101 - validation has accepted it
        return resource


def _retrier(node: Node) -> Retrier:
    return Retrier(
        error_equals=tuple(node["ErrorEquals"]),
        interval_seconds=node.get("IntervalSeconds", 1),
        max_attempts=node.get("MaxAttempts", 3),
        backoff_rate=node.get("BackoffRate", 2.0),
        max_delay_seconds=node.get("MaxDelaySeconds"),
        full_jitter=node.get("JitterStrategy") == "FULL",
    )


def _catcher(read: _Reader) -> Catcher:
    node = read.node
    return Catcher(
        tuple(node["ErrorEquals"]),
        node["Next"],
        node.get("ResultPath", "$"),
        read.field("Assign"),
        read.field("Output"),
    )


def _pass(read: _Reader, common: dict[str, Any]) -> State:
    result = Field("Result", read.node["Result"], Kind.LITERAL) if "Result" in read.node else None
    path = read.node.get("ResultPath", "$")
    return PassState(**common, result=result, arguments=read.field("Parameters"), result_path=path)


def _task(read: _Reader, common: dict[str, Any]) -> State:
    return TaskState(
        **common,
        **read.work(),
        resource=read.resource(),
        timeout_seconds=read.field("TimeoutSeconds", "TimeoutSecondsPath"),
        heartbeat_seconds=read.field("HeartbeatSeconds", "HeartbeatSecondsPath"),
        credentials=read.field("Credentials"),
    )


def _choice(read: _Reader, common: dict[str, Any]) -> State:
    default = None
    if "Default" in read.node:
        default = ChoiceRule(read.node["Default"], None, common["assign"], common["output"])
    rules = (_rule(read.of(node), f"Choices[{number}]") for number, node in enumerate(read.node["Choices"]))
    return ChoiceState(**common, choices=tuple(rules), default=default)


def _rule(read: _Reader, location: str) -> ChoiceRule:
    test = _test(read.node)
    if "Condition" in read.node:
        test = Field(f"{location}/Condition", read.node["Condition"], Kind.JSONATA)
    return ChoiceRule(read.node["Next"], test, read.field("Assign"), read.field("Output"))


def _test(node: Node) -> Test | None:
    for operator in ("And", "Or"):
        if operator in node:
            return Combination(operator, tuple(test for each in node[operator] if (test := _test(each))))
    if "Not" in node:
        inner = _test(node["Not"])
        return Combination("Not", (inner,) if inner else ())
    return _comparison(node)


def _comparison(node: Node) -> Test | None:
    for name, value in node.items():
        if name not in {"Variable", "Next", "Comment", "Assign", "Output", "Condition"}:
            return Comparison(node["Variable"], name.removesuffix("Path"), value, by_path=name.endswith("Path"))
    return None


def _wait(read: _Reader, common: dict[str, Any]) -> State:
    seconds, timestamp = read.field("Seconds", "SecondsPath"), read.field("Timestamp", "TimestampPath")
    return WaitState(**common, seconds=seconds, timestamp=timestamp)


def _succeed(_read: _Reader, common: dict[str, Any]) -> State:
    return SucceedState(**common)


def _fail(read: _Reader, common: dict[str, Any]) -> State:
    return FailState(**common, error=read.field("Error", "ErrorPath"), cause=read.field("Cause", "CausePath"))


def _parallel(read: _Reader, common: dict[str, Any]) -> State:
    branches = tuple(_machine(each, read.outer) for each in read.node["Branches"])
    return ParallelState(**common, **read.work(), branches=branches)


def _map(read: _Reader, common: dict[str, Any]) -> State:
    node = read.node
    work = read.work() | {"arguments": None}
    processor = node.get("ItemProcessor") or node["Iterator"]
    config = processor.get("ProcessorConfig", {})
    return MapState(
        **common,
        **work,
        processor=_machine(processor, read.outer),
        distributed=config.get("Mode") == "DISTRIBUTED",
        execution_type=config.get("ExecutionType", "STANDARD"),
        items=read.field("Items", "ItemsPath"),
        item_selector=read.field("ItemSelector", "Parameters"),
        max_concurrency=read.field("MaxConcurrency", "MaxConcurrencyPath"),
        item_reader=_item_reader(read.of(node["ItemReader"])) if node.get("ItemReader") else None,
        item_batcher=_item_batcher(read.of(node["ItemBatcher"])) if node.get("ItemBatcher") else None,
        result_writer=_result_writer(read.of(node["ResultWriter"])) if node.get("ResultWriter") else None,
        tolerated_failure_count=read.field("ToleratedFailureCount", "ToleratedFailureCountPath"),
        tolerated_failure_percentage=read.field("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
        label=node.get("Label"),
    )


def _item_reader(read: _Reader) -> ItemReader:
    config = read.node.get("ReaderConfig", {})
    return ItemReader(
        read.resource(),
        read.field("Arguments", "Parameters"),
        input_type=config.get("InputType"),
        transformation=config.get("Transformation"),
        manifest_type=config.get("ManifestType"),
        csv_header_location=config.get("CSVHeaderLocation"),
        csv_headers=tuple(config.get("CSVHeaders", ())),
        csv_delimiter=config.get("CSVDelimiter", "COMMA"),
        items_pointer=config.get("ItemsPointer"),
        max_items=read.of(config).field("MaxItems", "MaxItemsPath"),
    )


def _item_batcher(read: _Reader) -> ItemBatcher:
    return ItemBatcher(
        read.field("BatchInput"),
        read.field("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
        read.field("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
    )


def _result_writer(read: _Reader) -> ResultWriter:
    config = read.node.get("WriterConfig", {})
    return ResultWriter(
        read.resource() if "Resource" in read.node else None,
        read.field("Arguments", "Parameters"),
        config.get("OutputType", "JSON"),
        config.get("Transformation", "NONE"),
    )


_BUILDERS: dict[str, Callable[[_Reader, dict[str, Any]], State]] = {
    "Pass": _pass,
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}
