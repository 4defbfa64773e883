"""What expressions are evaluated with, what they are, and how their evaluation fails."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

RUNTIME = "States.Runtime"
QUERY_ERROR = "States.QueryEvaluationError"


class EvaluationError(Exception):
    """An expression that has no value. `error` is a name such as States.QueryEvaluationError.

    `field` is the field of the state, as the event EvaluationFailed has it in `location`: `Output/items[0]`.
    """

    def __init__(self, error: str, cause: str, field: str = "") -> None:
        super().__init__(error, cause)
        self.error, self.cause, self.field = error, cause, field


class Missing:
    """The type of MISSING."""

    def __repr__(self) -> str:
        """Return the name of the constant."""
        return "MISSING"


MISSING: Final = Missing()
"""No value, which is not null."""


class Kind(Enum):
    """How the value of a field becomes data."""

    LITERAL = "literal"
    PATH = "path"  # a JSONPath, or an intrinsic function
    TEMPLATE = "template"  # a JSONPath payload template: names that end in ".$" are evaluated
    JSONATA = "jsonata"  # each string "{% ... %}", at any depth, is evaluated


@dataclass(frozen=True)
class Field:
    """A field whose value is known when its state runs. `name` is its path in the state, such as Catch[0]/Output."""

    name: str
    value: Any
    kind: Kind


@dataclass(frozen=True)
class Ambient:
    """What differs between two evaluations of one expression: random numbers, and the seconds since 1970."""

    random: random.Random
    now: Callable[[], float]


@dataclass(frozen=True)
class Data:
    """What a state's expressions see.

    `input` is `$` of JSONPath and `$states.input` of JSONata. `result` and `error_output` are those of `$states`.
    """

    input: Any
    context: Mapping[str, Any]
    variables: Mapping[str, Any]
    ambient: Ambient
    result: Any = field(default=MISSING)
    error_output: Any = field(default=MISSING)


def compact(value: Any) -> str:
    """Return a value as AWS quotes it in causes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
