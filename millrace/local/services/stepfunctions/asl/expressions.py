"""JSONPath, compiled once, and its variables; JSONata is imported when the first expression is in it."""

import functools
import re
from typing import Any

from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.waits import current

_INDEFINITE = re.compile(r"\.\.|\*|\[\s*\?|\[[^\]'\"]*[:,]")
_ENDS_WITH_ONE = re.compile(r"\[\d+\]$")
"""AWS takes such an item out of the list that an indefinite path gives."""


def change() -> None:
    """Apply the changes to moto."""
    string_expression.StringJSONata._eval_body = _eval_jsonata
    string_expression.StringVariableSample._eval_body = _sample_variable
    variable_store.VariableStore.get_assigned_variables = _assigned
    json_path.parse = functools.lru_cache(1024)(json_path.parse)
    result_path.parse = functools.lru_cache(256)(result_path.parse)


def extracted(path: str, data: Any) -> Any:
    """What a path selects: of a definite path the one value, else a list of all. moto gives a list for `$.a[0].b`.

    A path of the context object comes here from what a choice compares with; moto cannot read it there.
    https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
    """
    if path.startswith("$$"):
        path, data = path[1:], current().states.get_context()
    values = [match.value for match in json_path.parse(path).find(data)]
    if _INDEFINITE.search(path):
        return values[0] if len(values) == 1 and _ENDS_WITH_ONE.search(path) else values
    if not values:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


def variables(env: Env) -> dict[str, Any]:
    """The variables that a state sees, by name."""
    store = env.variable_store
    return {**store._outer_scope, **store._inner_scope}


def _eval_jsonata(string: Any, env: Env) -> None:
    from millrace.local.services.stepfunctions.asl.queries import value_of  # noqa: PLC0415 - a tenth of a second that JSONPath needs not

    env.stack.append(value_of(env, string.expression))


def _sample_variable(sample: Any, env: Env) -> None:
    """A variable in a JSONPath state: its name, then a JSONPath below it. moto takes it for JSONata.

    https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
    """
    expression = sample.expression.removeprefix("$")
    name, rest = _name_and_rest(expression)
    known = variables(env)
    if name not in known:
        cause = f"The variable '${name}' in the expression '{sample.expression}' is not defined"
        raise failure(env, "States.Runtime", cause)
    value = known[name]
    env.stack.append(extracted("$" + rest, value) if rest else value)


def _name_and_rest(expression: str) -> tuple[str, str]:
    for index, letter in enumerate(expression):
        if letter in ".[":
            return expression[:index], expression[index:]
    return expression, ""


def _assigned(store: Any) -> dict[str, str]:
    """What a state has assigned, as the history shows it. moto does not escape texts."""
    names = store._declaration_tracing
    return {name: to_json_str(store.get(name), separators=(",", ":")) for name in names}
