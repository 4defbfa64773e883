"""JSONata, evaluated with the values at hand.

moto writes every value into the text of an expression, unescaped, and has nothing that evaluates it.
"""

import copy
import functools
import hashlib
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import jsonata
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.expressions import variables

_MOST_ITEMS = 1_000


def value_of(env: Env, expression: str) -> Any:
    """The value of an expression in a field of a state, as the language has it.

    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    try:
        value = _evaluate(env, expression)
    except Exception as error:
        cause = f"The JSONata expression '{expression}' specified for the field '{_field(env)}' threw an error during "
        raise _query_error(env, f"{cause}evaluation. {type(error).__name__}: {error}") from error
    if value is None:
        raise _query_error(env, f"The JSONata expression '{expression}' returned nothing (undefined).")
    value = jsonata.Utils.convert_nulls(value)
    if value is not None and not isinstance(value, (str, bool, int, float, list, dict)):
        raise _query_error(env, f"The JSONata expression '{expression}' returned an unsupported result type.")
    return json.loads(json.dumps(value), parse_float=_number)


def _number(text: str) -> float:
    """JSONata knows one kind of number: a whole one is written without a point."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _query_error(env: Env, cause: str) -> Exception:
    return failure(env, "States.QueryEvaluationError", cause, event="EvaluationFailed", location=_field(env))


def _field(env: Env) -> str:
    return str(env.next_field_name or "")


def _evaluate(env: Env, expression: str) -> Any:
    """The value of a JSONata expression; `jsonata.Utils.NULL_VALUE` for null, None for nothing."""
    states = json.loads(to_json_str(env.states._states_data))
    bindings: dict[str, Any] = {**_functions(env), **variables(env), "states": states}
    own = copy.copy(_compiled(expression))  # an evaluation keeps its state in the object
    jsonata.Jsonata.CURRENT.jsonata = own
    return own.evaluate(None, bindings)


@functools.lru_cache(1024)
def _compiled(expression: str) -> jsonata.Jsonata:
    compiled = jsonata.Jsonata(expression)
    compiled.set_output_convert_nulls(output_convert_nulls=False)
    return compiled


def _functions(env: Env) -> dict[str, Any]:
    """The functions that Step Functions adds to JSONata or replaces.

    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-step-functions
    """
    clock = env.clock
    made: dict[str, Callable[..., Any]] = {
        "partition": _partition,
        "range": _range,
        "hash": _hash,
        "random": lambda *seed: random.Random(*seed).random() if seed else random.random(),  # noqa: S311 - the language's
        "uuid": lambda: str(uuid.uuid4()),
        "parse": json.loads,
        "millis": lambda: int(clock.now() * 1000),
        "now": lambda *shape: _now(clock.now(), *shape),
    }
    return {name: jsonata.Jsonata.JLambda(function) for name, function in made.items()}


def _now(moment: float, picture: str | None = None, zone: str | None = None) -> str | None:
    if picture is None and zone is None:
        return iso_millis(moment)
    shaped: str | None = jsonata.Functions.datetime_from_millis(moment * 1000, picture, zone)
    return shaped


def _partition(array: list[Any], size: float) -> list[list[Any]]:
    step = int(size)
    return [list(array[index : index + step]) for index in range(0, len(array), step)]


def _range(first: float, last: float, step: float) -> list[float]:
    count = int((last - first) // step) + 1
    if count > _MOST_ITEMS:
        raise ValueError(f"$range makes at most {_MOST_ITEMS} items, not {count}")
    return [first + index * step for index in range(count)]


def _hash(value: Any, algorithm: str) -> str:
    data = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return hashlib.new(algorithm.replace("-", "").lower(), data.encode()).hexdigest()
