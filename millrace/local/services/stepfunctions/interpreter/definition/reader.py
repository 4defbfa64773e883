"""Reads a definition into states, and collects what is wrong with it on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import Diagnostic
from millrace.local.services.stepfunctions.interpreter.definition.resources import parse_resource
from millrace.local.services.stepfunctions.interpreter.definition.schema import (
    PATH_CHECKS,
    How,
    Spec,
    comparison_value,
    dollar_field,
    in_jsonata,
    only_language,
    path,
    reference,
    specs,
    suspicious,
    template,
)
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    TYPES,
    State,
    StateMachine,
    SucceedState,
)
from millrace.local.services.stepfunctions.interpreter.expressions import ChoiceRule, Field, Kind
from millrace.local.services.stepfunctions.interpreter.expressions.choices import (
    OPERATORS,
    WITH_PATH,
    Combination,
    Comparison,
    Test,
)
from millrace.local.services.stepfunctions.interpreter.expressions.templates import expression_of, is_expression

SCHEMA = "SCHEMA_VALIDATION_FAILED"
_MOST_CHARACTERS = 80
_OF_MACHINE = frozenset({"QueryLanguage", "States"})
_OF_PROCESSOR = frozenset({"ProcessorConfig", "States"})
_OF_STATE = frozenset({"Type", "QueryLanguage"})
_OF_RULE = frozenset({"Assign", "Comment", "Condition", "Next", "Output", "Variable"})


@dataclass(frozen=True)
class _Node:
    """An object of a definition: where it is, where its state begins, and the query language of its state."""

    fields: Mapping[str, Any]
    at: str = ""
    state: str = ""
    language: str = "JSONPath"


class Reader:
    """Reads one definition. `diagnostics` are what it found; where there are errors, the result is of no use."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._names: set[str] = set()
        self._language = "JSONPath"  # of the whole machine, which every state inherits

    def read(self, fields: Mapping[str, Any]) -> StateMachine:
        """Read the machine itself."""
        self._language = fields.get("QueryLanguage", "JSONPath")
        node = _Node(fields)
        self._check_language(node)
        return self._machine(node, _OF_MACHINE)

    def _report(self, message: str, at: str, code: str = SCHEMA) -> None:
        self.diagnostics.append(Diagnostic(code, message, at or "/"))

    def _require(self, node: _Node, *names: str) -> bool:
        missing = [name for name in names if name not in node.fields]
        if missing:
            self._report(f"These fields are required: [{', '.join(missing)}]", node.at)
        return not missing

    def _object(self, value: Any, at: str, outer: _Node) -> _Node:
        if not isinstance(value, dict):
            self._report("Expected value of type [OBJECT]", at)
        return replace(outer, fields=value if isinstance(value, dict) else {}, at=at)

    def _objects(self, value: Any, at: str, outer: _Node, *, least: int = 1) -> list[_Node]:
        if not isinstance(value, list):
            self._report("Expected value of type [ARRAY]", at)
        elif len(value) < least:
            self._report(f"Array must have at least {least} element", at)
        items = value if isinstance(value, list) else []
        return [self._object(each, f"{at}[{number}]", outer) for number, each in enumerate(items)]

    def _machine(self, node: _Node, known: frozenset[str] = _OF_PROCESSOR) -> StateMachine:
        if not self._require(node, "States", "StartAt"):
            return StateMachine(start_at="")
        values = self._values(StateMachine, replace(node, language=self._language, state=node.at), known)
        states = self._object(node.fields["States"], f"{node.at}/States", node)
        named = {name: self._object(each, f"{states.at}/{name}", node) for name, each in states.fields.items()}
        read = {name: self._state(name, each) for name, each in named.items()}
        config = self._object(node.fields.get("ProcessorConfig", {}), f"{node.at}/ProcessorConfig", node)
        return StateMachine(**values, states=read, query_language=self._language, config=config.fields)

    def _check_language(self, node: _Node) -> None:
        language = node.fields.get("QueryLanguage", "JSONPath")
        if not isinstance(language, str):
            self._report("Expected value of type [STRING]", f"{node.at}/QueryLanguage")
        elif language not in {"JSONPath", "JSONata"}:
            self._report("Value should be one of the following: [JSONPath, JSONata]", f"{node.at}/QueryLanguage")

    def _state(self, name: str, node: _Node) -> State:
        if len(name) > _MOST_CHARACTERS:
            problem = f"State name '{name}' is longer than {_MOST_CHARACTERS} characters"
            self._report(problem, node.at, "INVALID_STATE_NAME")
        if name in self._names:
            self._report(f"State name '{name}' is not unique", node.at, "DUPLICATE_STATE_NAME")
        self._names.add(name)
        kind = TYPES.get(str(node.fields.get("Type")))
        if kind is None:
            self._report(f"The field 'Type' should have one of these values: [{', '.join(TYPES)}]", f"{node.at}/Type")
            return SucceedState(name=name, query_language=self._language)
        self._check_language(node)
        language = node.fields.get("QueryLanguage", self._language)
        if language == "JSONPath" != self._language:
            self._report("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", node.at)
        node = replace(node, state=node.at, language="JSONPath" if language == "JSONPath" else "JSONata")
        return kind(name=name, query_language=node.language, **self._values(kind, node, _OF_STATE))

    def _values(self, kind: type, node: _Node, known: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the declared fields of a class, and report what the object has beyond them and `known`."""
        declared, values = specs(kind), dict[str, Any]()
        if inside := getattr(kind, "inside", None):
            name, base = inside
            values = self._values(base, self._object(node.fields.get(name, {}), f"{node.at}/{name}", node))
            declared = {attribute: spec for attribute, spec in declared.items() if attribute not in specs(base)}
            known |= {name}
        refused: frozenset[str] = getattr(kind, "unsupported", frozenset())
        for attribute, spec in declared.items():
            names = [name for name in spec.names if name in node.fields and name not in refused]
            known |= set(names)
            self._check_names(spec, names, node)
            if names:
                values[attribute] = self._value(spec, names[0], node)
            elif spec.required:
                values[attribute] = None
        for name in [each for each in node.fields if each not in known]:
            self._report(f"Field '{name}' is not supported", node.at)
        return values

    def _check_names(self, spec: Spec, names: list[str], node: _Node) -> None:
        if len(names) > 1:
            self._report(f"There should only be one of the following fields: [{', '.join(names)}]", node.at)
        if spec.required and not names:
            self._require(node, spec.names[0])
        for name in names:
            language = only_language(name)
            if language and language != node.language:
                only = f"but field '{name}' is only supported for the '{language}' QueryLanguage"
                self._report(f"The QueryLanguage is set to '{node.language}', {only}", node.state)

    def _value(self, spec: Spec, name: str, node: _Node) -> Any:
        value, at = node.fields[name], f"{node.at}/{name}"
        if spec.how is How.STATIC:
            return self._static(spec, name, value, at)
        if spec.how is How.OBJECT:
            return spec.of(**self._values(spec.of, self._object(value, at, node)))
        if spec.how is How.PROCESSOR:
            return self._machine(self._object(value, at, node))
        if spec.how in {How.NESTED, How.BRANCHES, How.RULES}:
            nodes = self._objects(value, at, node, least=int(spec.required))
            return tuple(self._item(spec, each) for each in nodes)
        return self._field(spec, name, node)

    def _item(self, spec: Spec, node: _Node) -> Any:
        if spec.how is How.NESTED:
            return spec.of(**self._values(spec.of, node))
        return self._machine(node) if spec.how is How.BRANCHES else self._rule(node)

    def _static(self, spec: Spec, name: str, value: Any, at: str) -> Any:
        if problem := spec.check(value):
            self._report(problem, at)
            return None
        if name == "Resource":
            return parse_resource(value)
        return tuple(value) if isinstance(value, list) else value

    def _field(self, spec: Spec, name: str, node: _Node) -> Field:
        value, at = node.fields[name], f"{node.at}/{name}"
        kind = _kind(spec, name, node.language)
        if name.endswith("Path"):
            problem = PATH_CHECKS.get(name, reference)(value)
        else:
            problem = (in_jsonata(spec.check) if kind is Kind.JSONATA else spec.check)(value)
        if problem:
            self._report(problem, at)
        self._check_leaves(kind, value, node, at)
        return Field(at.removeprefix(f"{node.state}/"), value, kind)

    def _check_leaves(self, kind: Kind, value: Any, node: _Node, at: str) -> None:
        for name, leaf, where in _leaves(value, at):
            if kind is Kind.TEMPLATE and name.endswith(".$"):
                if problem := dollar_field(name, leaf):
                    self._report(problem, where)
            elif kind is Kind.JSONATA and is_expression(leaf):
                in_catch = node.at.startswith(f"{node.state}/Catch[")
                self._check_expression(expression_of(leaf), where, in_catch=in_catch)
            elif kind is not Kind.PATH and (warning := suspicious(kind, at, leaf)):
                self.diagnostics.append(Diagnostic(*warning, where, "WARNING"))

    def _check_expression(self, expression: str, at: str, *, in_catch: bool) -> None:
        from millrace.local.services.stepfunctions.interpreter.expressions import jsonata_syntax

        if problem := jsonata_syntax.find_problem(expression, in_catch=in_catch):
            self._report(problem[1], at, problem[0])

    def _rule(self, node: _Node) -> ChoiceRule:
        self._require(node, "Next", *(["Condition"] if node.language == "JSONata" else []))
        parts = {name: self._part(name, node) for name in ("Assign", "Condition", "Output") if name in node.fields}
        test = parts.get("Condition") if node.language == "JSONata" else self._test(node)
        return ChoiceRule(str(node.fields.get("Next")), test, parts.get("Assign"), parts.get("Output"))

    def _part(self, name: str, node: _Node) -> Field:
        self._check_names(template(name), [name], node)
        return self._field(template(name), name, node)

    def _test(self, node: _Node) -> Test | None:
        names = [name for name in node.fields if name not in _OF_RULE]
        name = names[0] if len(names) == 1 else ""
        value, at = node.fields.get(name), f"{node.at}/{name}"
        if name in {"And", "Or"}:
            tests = [self._test(each) for each in self._objects(value, at, node)]
            return Combination(name, tuple(test for test in tests if test))
        if name == "Not":
            inner = self._test(self._object(value, at, node))
            return Combination("Not", (inner,) if inner else ())
        operator = name.removesuffix("Path")
        if operator not in (OPERATORS if name == operator else WITH_PATH):
            self._report("A choice rule needs one comparison operator", node.at)
        elif self._require(node, "Variable"):
            return self._comparison(operator, name, node)
        return None

    def _comparison(self, operator: str, name: str, node: _Node) -> Test:
        for each in ("Variable", *([name] if name != operator else [])):
            if node.fields[each] is None or path(node.fields[each]):
                self._report("Value is not a valid JSONPath", f"{node.at}/{each}")
        if name == operator and (problem := comparison_value(operator)(node.fields[name])):
            self._report(problem, f"{node.at}/{name}")
        return Comparison(str(node.fields["Variable"]), operator, node.fields[name], by_path=name != operator)


def _kind(spec: Spec, name: str, language: str) -> Kind:
    if language == "JSONata":
        return Kind.JSONATA
    if name.endswith("Path"):
        return Kind.PATH
    return Kind.TEMPLATE if spec.how is How.TEMPLATE and name != "Result" else Kind.LITERAL


def _leaves(value: Any, at: str, name: str = "") -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, dict):
        for each, inner in value.items():
            yield from _leaves(inner, f"{at}/{each}", each)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{at}[{number}]")
    else:
        yield name, value, at
