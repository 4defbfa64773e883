"""Intrinsic functions: `States.Format('{}', $.name)`, nested up to ten deep.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    RUNTIME,
    Data,
    EvaluationError,
    compact,
)
from millrace.local.services.stepfunctions.interpreter.expressions.functions import FUNCTIONS
from millrace.local.services.stepfunctions.interpreter.expressions.paths import JsonPath, compile_path

_MOST_NESTED = 10
_NAME = re.compile(r"\s*(States\.\w+)\s*\(\s*")
_STRING = re.compile(r"'((?:\\[\\'{}]|[^'\\\n])*)'")
_LITERAL = re.compile(r"(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=\s*[,)])")
_PATH = re.compile(
    r"""\$(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\[(?:[^\]'"]|'(?:\\.|[^'\\])*'|"[^"]*")*\]|[^,()\s'"])*"""
)
_SEPARATOR = re.compile(r"\s*([,)])\s*")
_ESCAPE = re.compile(r"\\(.)")
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Literal:
    """A string, number, boolean or null."""

    value: Any


@dataclass(frozen=True)
class Call:
    """A call, and its source text as AWS quotes it."""

    text: str
    name: str
    arguments: "tuple[Call | JsonPath | Literal, ...]"


@lru_cache(4096)
def compile_call(text: str) -> Call:
    """Compile a call of an intrinsic function. Raises ValueError with what is wrong."""
    call, end = _call(text, 0, 1)
    if text[end:].strip():
        raise ValueError(f"Unexpected text after the intrinsic function: {text[end:].strip()}")
    return call


def _call(text: str, start: int, depth: int) -> tuple[Call, int]:
    match = _NAME.match(text, start)
    if not match:
        raise ValueError(f"Not an intrinsic function: {text[start:]}")
    name, position = match[1], match.end()
    if name not in FUNCTIONS:
        raise ValueError(f"The intrinsic function {name} does not exist")
    if depth > _MOST_NESTED:
        raise ValueError(f"More than {_MOST_NESTED} nested intrinsic functions")
    arguments: list[Call | JsonPath | Literal] = []
    if text[position : position + 1] == ")":
        end = position + 1
    else:
        arguments, end = _arguments(text, position, name, depth)
    FUNCTIONS[name].check_count(len(arguments))
    return Call(text[start:end].strip(), name, tuple(arguments)), end


def _arguments(text: str, position: int, name: str, depth: int) -> "tuple[list[Call | JsonPath | Literal], int]":
    arguments: list[Call | JsonPath | Literal] = []
    while True:
        is_template = name == "States.Format" and not arguments
        argument, position = _argument(text, position, depth, is_template=is_template)
        arguments.append(argument)
        separator = _SEPARATOR.match(text, position)
        if not separator:
            raise ValueError(f"Expected ',' or ')' at '{text[position:]}'")
        position = separator.end()
        if separator[1] == ")":
            return arguments, position


def _argument(text: str, at: int, depth: int, *, is_template: bool) -> "tuple[Call | JsonPath | Literal, int]":
    if match := _STRING.match(text, at):
        raw = match[1].replace("\\'", "'") if is_template else _ESCAPE.sub(r"\1", match[1])
        return Literal(raw), match.end()
    if match := _LITERAL.match(text, at):
        return Literal(_constant(match[0])), match.end()
    if text.startswith("$", at) and (match := _PATH.match(text, at)):
        return compile_path(match[0]), match.end()
    return _call(text, at, depth + 1)


def _constant(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return float(text) if re.search(r"[.eE]", text) else int(text)


def evaluate_call(call: Call, data: Data) -> Any:
    """Return the value of a call.

    AWS was recorded to fail with States.Runtime, not with States.IntrinsicFailure; see decision 0075.
    """
    values = [_value(call, argument, data) for argument in call.arguments]
    try:
        return FUNCTIONS[call.name](values, data.ambient)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _failure(call, str(error) or f"Invalid arguments in {call.name}") from error


def _value(call: Call, argument: "Call | JsonPath | Literal", data: Data) -> Any:
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Call):
        return evaluate_call(argument, data)
    value = argument.find(data)
    if value is MISSING:
        where = f"'{argument.text}' could not be found in the input '{compact(data.input)}'"
        raise _failure(call, f"The JsonPath argument for the field {where}")
    return value


def _failure(call: Call, reason: str) -> EvaluationError:
    return EvaluationError(
        RUNTIME, f"There was an error while evaluating the intrinsic function: {call.text}. {reason}"
    )
