"""JSONata and variables, evaluated with the values at hand; JSONPath, compiled once.

moto writes every value into the text of a JSONata expression, unescaped, and has nothing that evaluates it.
"""

import copy
import functools
import hashlib
import json
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

import jsonata
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.asl.environment import Env
from millrace.local.asl.errors import failure
from millrace.local.clock import iso_millis

_MOST_ITEMS = 1_000
_INDEFINITE = re.compile(r"\.\.|\*|\[\s*\?|\[[^\]'\"]*[:,]")
_ENDS_WITH_ONE = re.compile(r"\[\d+\]$")
"""AWS takes such an item out of the list that an indefinite path gives."""


def change() -> None:
    """Change moto."""
    string_expression.StringJSONata._eval_body = _eval_jsonata
    string_expression.StringVariableSample._eval_body = _sample_variable
    variable_store.VariableStore.get_assigned_variables = _assigned
    json_path.parse = functools.lru_cache(1024)(json_path.parse)
    result_path.parse = functools.lru_cache(256)(result_path.parse)


def extracted(path: str, data: Any) -> Any:
    """What a path selects: of a definite path the one value, else a list of all. moto gives a list for `$.a[0].b`.

    https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
    """
    values = [match.value for match in json_path.parse(path).find(data)]
    if _INDEFINITE.search(path):
        return values[0] if len(values) == 1 and _ENDS_WITH_ONE.search(path) else values
    if not values:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


def evaluate(env: Env, expression: str, *, states: bool = True) -> Any:
    """The value of a JSONata expression; `jsonata.Utils.NULL_VALUE` for null, None for nothing."""
    bindings: dict[str, Any] = {**_functions(env), **_variables(env)}
    if states:
        bindings["states"] = json.loads(to_json_str(env.states._states_data))
    own = copy.copy(_compiled(expression))  # an evaluation keeps its state in the object
    jsonata.Jsonata.CURRENT.jsonata = own
    return own.evaluate(None, bindings)


@functools.lru_cache(1024)
def _compiled(expression: str) -> jsonata.Jsonata:
    compiled = jsonata.Jsonata(expression)
    compiled.set_output_convert_nulls(output_convert_nulls=False)
    return compiled


def _variables(env: Env) -> dict[str, Any]:
    store = env.variable_store
    return {**store._outer_scope, **store._inner_scope}


def _eval_jsonata(string: Any, env: Env) -> None:
    env.stack.append(_value(env, string.expression, states=True))


def _sample_variable(sample: Any, env: Env) -> None:
    """A variable in a JSONPath state: its name, then a JSONPath below it. moto takes it for JSONata.

    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
    """
    expression = sample.expression.removeprefix("$")
    name, rest = _name_and_rest(expression)
    variables = _variables(env)
    if name not in variables:
        cause = f"The variable '${name}' in the expression '{sample.expression}' is not defined"
        raise failure(env, "States.Runtime", cause)
    value = variables[name]
    env.stack.append(extracted("$" + rest, value) if rest else value)


def _name_and_rest(expression: str) -> tuple[str, str]:
    for index, letter in enumerate(expression):
        if letter in ".[":
            return expression[:index], expression[index:]
    return expression, ""


def _value(env: Env, expression: str, *, states: bool) -> Any:
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html."""
    try:
        value = evaluate(env, expression, states=states)
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


def _assigned(store: Any) -> dict[str, str]:
    """What a state has assigned, as the history shows it. moto does not escape texts."""
    names = store._declaration_tracing
    return {name: to_json_str(store.get(name), separators=(",", ":")) for name in names}


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
