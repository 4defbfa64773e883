"""How the classes of `states` declare the fields of a definition, and the checks of their values.

A declared field of a class is read from the first of its names that a definition has. The query language decides which
names a state may have.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from typing import Any

from millrace.local.services.stepfunctions.interpreter.definition.resources import parse_resource
from millrace.local.services.stepfunctions.interpreter.expressions import Kind, parse_timestamp
from millrace.local.services.stepfunctions.interpreter.expressions.intrinsics import compile_call
from millrace.local.services.stepfunctions.interpreter.expressions.paths import compile_path
from millrace.local.services.stepfunctions.interpreter.expressions.templates import is_expression

Check = Callable[[Any], str | None]
"""Returns what is wrong with a value, in AWS's words."""

_JSONATA_ONLY = frozenset({"Arguments", "Condition", "Items", "Output"})
_LABEL = re.compile(r'[^\s?*<>{}\[\]:;,\\|^~$#%&`"\x00-\x1f\x7f-\x9f]{1,40}')
_JSONPATH_ONLY = frozenset({"Parameters", "Result", "ResultSelector"})


class How(Enum):
    """How a declared field is read."""

    STATIC = "static"  # a value that is the same for each run
    DYNAMIC = "dynamic"  # a value, a path in a second field with the suffix Path, or JSONata
    TEMPLATE = "template"  # a payload template, or JSONata
    OBJECT = "object"  # an object with a class of its own
    NESTED = "nested"  # a list of such objects
    BRANCHES = "branches"  # a list of machines
    PROCESSOR = "processor"  # a machine
    RULES = "rules"  # the rules of a Choice state


@dataclass(frozen=True)
class Spec:
    """The declaration of a field: its names in a definition, and how it is read."""

    how: How
    names: tuple[str, ...]
    check: Check = lambda _value: None
    required: bool = False
    of: Any = None


@cache
def specs(kind: type) -> dict[str, Spec]:
    """Return the declarations of a class by attribute."""
    return {each.name: each.type.__metadata__[0] for each in fields(kind) if hasattr(each.type, "__metadata__")}


def only_language(name: str) -> str | None:
    """Return the query language that a field belongs to, or None for both."""
    if name in _JSONATA_ONLY:
        return "JSONata"
    return "JSONPath" if name in _JSONPATH_ONLY or name.endswith("Path") else None


def static(name: str, check: Check, *, required: bool = False) -> Spec:
    """Declare a field with a constant value."""
    return Spec(How.STATIC, (name,), check, required)


def dynamic(name: str, check: Check) -> Spec:
    """Declare a field that has a variant with the suffix Path."""
    return Spec(How.DYNAMIC, (name, f"{name}Path"), check)


def template(*names: str) -> Spec:
    """Declare a field whose value is built for each run."""
    return Spec(How.TEMPLATE, names)


def nested(how: How, *names: str, of: Any = None, required: bool = False) -> Spec:
    """Declare an object, a list of objects, or machines."""
    return Spec(how, names, required=required, of=of)


def _check(accepts: Callable[[Any], Any], problem: str) -> Check:
    return lambda value: None if accepts(value) else problem


def _is_path(value: Any) -> bool:
    return _compiles(compile_path, value)


def _is_path_or_call(value: Any) -> bool:
    return _is_path(value) or _compiles(compile_call, value)


def _compiles(compiler: Callable[[str], Any], value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(compiler(value))
    except ValueError:
        return False


def _is_reference(value: Any, *, scopes: str = "") -> bool:
    """Return whether a path selects one node of the input, or with any scope of a variable."""
    path = compile_path(value) if _is_path(value) else None
    return path is not None and path.steps is not None and path.scope != "$" and (scopes == "any" or not path.scope)


anything = _check(lambda _value: True, "")
text = _check(lambda value: isinstance(value, str), "Expected value of type [STRING]")
boolean = _check(lambda value: isinstance(value, bool), "Expected value of type [BOOLEAN]")
texts = _check(
    lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "Expected value of type [ARRAY] of [STRING]",
)
arn = _check(lambda value: isinstance(value, str) and parse_resource(value), "Value is not a valid resource ARN")
moment = _check(lambda value: parse_timestamp(value) is not None, "Value is not a valid timestamp")
label_text = _check(lambda value: isinstance(value, str) and _LABEL.fullmatch(value), "Value is not a valid label")
path = _check(lambda value: value is None or _is_path(value), "Value is not a valid JSONPath")
reference = _check(lambda value: _is_reference(value, scopes="any"), "Value is not a Reference Path")
input_reference = _check(lambda value: value is None or _is_reference(value), "Value is not a Reference Path")
path_or_call = _check(_is_path_or_call, "Value is not a valid JSONPath or intrinsic function call")

PATH_CHECKS: dict[str, Check] = {"ItemsPath": path, "ErrorPath": path_or_call, "CausePath": path_or_call}
"""The checks of fields with the suffix Path that need not be reference paths."""


def number(least: float, most: float = 99_999_999, *, whole: bool = True) -> Check:
    """Check a number, and that it is an integer unless `whole` is false."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return f"Expected value of type [{'INTEGER' if whole else 'NUMBER'}]"
        if value < least:
            return f"Minimum value is {least}"
        return f"Maximum value is {most}" if value > most else None

    return check


def one_of(*values: str) -> Check:
    """Check one of some strings."""
    return _check(lambda value: value in values, f"Value should be one of the following: [{', '.join(values)}]")


def comparison_value(operator: str) -> Check:
    """Return the check of what a variable is compared with."""
    kinds = {"Numeric": number(-math.inf, math.inf, whole=False), "String": text, "Timestamp": moment}
    return next((check for prefix, check in kinds.items() if operator.startswith(prefix)), boolean)


def dollar_field(name: str, value: Any) -> str | None:
    """Check a field of a payload template whose name ends in `.$`."""
    problem = f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
    return None if _is_path_or_call(value) else problem


def suspicious(kind: Kind, at: str, value: Any) -> tuple[str, str] | None:
    """Return the code and the message of a warning for a constant that looks like a path."""
    if not isinstance(value, str) or not value.startswith(("$.", "$$.", "States.")) or kind is Kind.JSONATA:
        return None
    if at.endswith("/Result"):
        return "PASS_RESULT_IS_STATIC", "Attempt to use a path in the result of a pass state."
    if kind is Kind.LITERAL:
        return "NO_PATH", "Field value looks like a path, but field name does not end with 'Path'."
    return "NO_DOLLAR", "No .$ on a field that appears to be a JSONPath or Intrinsic Function."


def in_jsonata(check: Check) -> Check:
    """Check a value in JSONata: an expression, or a constant."""
    return lambda value: None if is_expression(value) else check(value)
