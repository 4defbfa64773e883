"""What expressions are evaluated with, and how their evaluation fails."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final


class EvaluationError(Exception):
    """An expression that has no value. `error` is a name such as States.QueryEvaluationError.

    `field` is the field of the state, as the event EvaluationFailed has it in `location`.
    """

    def __init__(self, error: str, cause: str, field: str = "") -> None:
        super().__init__(error, cause)
        self.error, self.cause, self.field = error, cause, field


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No value, which is not null."""


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

    def at(self, root: Any) -> "Data":
        """Return the data with another `$`, such as the result of a task for its ResultSelector."""
        return replace(self, input=root)
