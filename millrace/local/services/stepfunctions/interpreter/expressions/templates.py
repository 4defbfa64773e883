"""The value of any field of a state, in its own query language."""

from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    QUERY_ERROR,
    RUNTIME,
    Data,
    EvaluationError,
    Field,
    Kind,
    compact,
)
from millrace.local.services.stepfunctions.interpreter.expressions.intrinsics import compile_call, evaluate_call
from millrace.local.services.stepfunctions.interpreter.expressions.paths import compile_path, select

_SILENT_PATHS = frozenset({"SecondsPath", "TimestampPath"})
_JAVASCRIPT_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


def evaluate(field: Field, data: Data) -> Any:
    """Return the value of a field. Raises EvaluationError with the field."""
    try:
        if field.kind is Kind.JSONATA:
            return _evaluate_strings(field.value, data, field.name)
        if field.kind is Kind.TEMPLATE:
            return evaluate_template(field.value, data)
        return _evaluate_path(field, data) if field.kind is Kind.PATH else field.value
    except EvaluationError as error:
        error.field = error.field or field.name
        raise


def evaluate_integer(field: Field, data: Data) -> int:
    """Return the value of a field such as TimeoutSeconds or MaxConcurrencyPath, which must be an integer from 0."""
    value = evaluate(field, data)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if field.kind is Kind.JSONATA and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise unexpected_type(str(field.value), field.name, "number", value)
    if field.kind is Kind.JSONATA:
        cause = f"The {field.name} field cannot be parsed as a non-negative integer: {compact(value)}"
        raise EvaluationError(QUERY_ERROR, cause, field.name)
    is_what = f'refers to value "{compact(value)}" which is not a valid integer: {field.value}'
    raise EvaluationError(RUNTIME, f"The {field.name} field {is_what}", field.name)


def unexpected_type(expression: str, field: str, expected: str, value: Any) -> EvaluationError:
    """Return the error of a JSONata expression whose value has another type than its field."""
    actual = _JAVASCRIPT_TYPES.get(type(value), "null" if value is None else "object")
    where = f"The JSONata expression '{expression_of(expression)}' specified for the field '{field}' returned"
    cause = f"{where} an unexpected result type. Expected '{expected}', but was '{actual}' for value: {compact(value)}"
    return EvaluationError(QUERY_ERROR, cause, field)


def _evaluate_path(field: Field, data: Data) -> Any:
    if field.value is None:
        return {}
    if field.value.startswith("States."):
        return evaluate_call(compile_call(field.value), data)
    if field.name in _SILENT_PATHS and compile_path(field.value).find(data) is MISSING:
        cause = f"The {field.name} parameter does not reference an input value: {field.value}"
        raise EvaluationError(RUNTIME, cause)
    return select(field.value, data)


def evaluate_template(template: Any, data: Data) -> Any:
    """Return a JSONPath payload template with the values of its `.$` fields.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
    """
    if isinstance(template, list):
        return [evaluate_template(each, data) for each in template]
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _selected(name, value, data) if name.endswith(".$") else evaluate_template(value, data)
        for name, value in template.items()
    }


def _selected(name: str, expression: str, data: Data) -> Any:
    if not expression.startswith("$"):
        return evaluate_call(compile_call(expression), data)
    value = compile_path(expression).find(data)
    if value is MISSING:
        where = f"specified for the field '{name}' could not be found in the input '{compact(data.input)}'"
        raise EvaluationError(RUNTIME, f"The JSONPath '{expression}' {where}")
    return value


def expression_of(text: str) -> str:
    """Return the expression of a string `{% ... %}`."""
    return text[2:-2].strip() if is_expression(text) else text


def is_expression(value: Any) -> bool:
    """Return whether a value is a string that JSONata evaluates; spaces around it make it a literal."""
    return isinstance(value, str) and len(value) >= len("{%%}") and value.startswith("{%") and value.endswith("%}")


def _evaluate_strings(value: Any, data: Data, field: str) -> Any:
    if is_expression(value):
        from millrace.local.services.stepfunctions.interpreter.expressions.jsonata import (
            evaluate_jsonata,
        )

        return evaluate_jsonata(expression_of(value), data, field)
    if isinstance(value, dict):
        return {name: _evaluate_strings(each, data, f"{field}/{name}") for name, each in value.items()}
    if isinstance(value, list):
        return [_evaluate_strings(each, data, f"{field}[{number}]") for number, each in enumerate(value)]
    return value
