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
_COMMA, _END = re.compile(r"\s*,\s*"), re.compile(r"\s*\)")
_STRING = re.compile(r"'((?:\\[\\'{}]|[^'\\\n])*)'")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?(?=\s*[,)])")
_CONSTANT = re.compile(r"(true|false|null)(?=\s*[,)])")
_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_PATH = re.compile(rf"""\$(?:{_QUOTED}|\[(?:{_QUOTED}|[^\]'"])*\]|[^,()\s'"\[])*""")
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
    arguments: tuple["Argument", ...]


Argument = Call | JsonPath | Literal


@lru_cache(4096)
def compile_call(text: str) -> Call:
    """Compile a call of an intrinsic function. Raises ValueError with what is wrong."""
    parser = _Parser(text)
    call = parser.call(1)
    if text[parser.at :].strip():
        raise ValueError(f"Unexpected text after the intrinsic function: {text[parser.at :].strip()}")
    return call


class _Parser:
    """Parses a call by recursive descent. `at` is the position in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def call(self, depth: int) -> Call:
        start = self.at
        match = self._take(_NAME)
        if not match or match[1] not in FUNCTIONS:
            raise ValueError(f"Not an intrinsic function: {self._text[start:]}")
        if depth > _MOST_NESTED:
            raise ValueError(f"More than {_MOST_NESTED} nested intrinsic functions")
        arguments: list[Argument] = []
        while not self._take(_END):
            if arguments and not self._take(_COMMA):
                raise ValueError(f"Expected ',' or ')' at '{self._text[self.at :]}'")
            arguments.append(self._argument(depth, is_format=match[1] == "States.Format" and not arguments))
        if not FUNCTIONS[match[1]].accepts(len(arguments)):
            raise ValueError(f"{match[1]} does not have {len(arguments)} arguments")
        return Call(self._text[start : self.at].strip(), match[1], tuple(arguments))

    def _argument(self, depth: int, *, is_format: bool) -> Argument:
        """`is_format` keeps the escapes of braces, which States.Format reads itself."""
        if match := self._take(_STRING):
            return Literal(match[1].replace("\\'", "'") if is_format else _ESCAPE.sub(r"\1", match[1]))
        if match := self._take(_NUMBER):
            return Literal(float(match[0]) if match[1] or match[2] else int(match[0]))
        if match := self._take(_CONSTANT):
            return Literal(_CONSTANTS[match[0]])
        if match := self._take(_PATH):
            return compile_path(match[0])
        return self.call(depth + 1)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self.at)
        self.at = match.end() if match else self.at
        return match


def evaluate_call(call: Call, data: Data) -> Any:
    """Return the value of a call.

    AWS was recorded to fail with States.Runtime, not with States.IntrinsicFailure; see decision 0075.
    """
    values = [_value(call, argument, data) for argument in call.arguments]
    try:
        return FUNCTIONS[call.name](values, data.ambient)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _failure(call, f"Invalid arguments in {call.name}" + (f": {error}" if str(error) else "")) from error


def _value(call: Call, argument: Argument, data: Data) -> Any:
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
    cause = f"There was an error while evaluating the intrinsic function: {call.text}. {reason}"
    return EvaluationError(RUNTIME, cause)
