"""Parts of a Map state that moto's grammar lacks, evaluated as payload templates."""

from typing import Any

from millrace.local.services.stepfunctions.asl.definitions import fragment
from millrace.local.services.stepfunctions.asl.environment import Env


def evaluated(env: Env, state: Any, template: dict[str, Any]) -> dict[str, Any]:
    """The values of a template in the query language of a state; `$` is the input on the stack."""
    language = state.query_language.query_language_mode.name
    component = fragment(template if language == "JSONata" else _with_paths(template), language)
    component.eval(env)
    values: dict[str, Any] = env.stack.pop()
    return values


def _with_paths(template: dict[str, Any]) -> dict[str, Any]:
    """MaxItemsPath and its like, as the payload template that says the same."""
    return {
        f"{key.removesuffix('Path')}.$" if key.endswith("Path") and isinstance(value, str) else key: value
        for key, value in template.items()
    }
