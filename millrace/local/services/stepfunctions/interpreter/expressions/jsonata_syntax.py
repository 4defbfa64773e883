"""What Step Functions does not accept of a JSONata expression in a definition.

An expression has no context item, so that a path begins at a variable: `$states.input.name`, not `name`.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Iterator
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.jsonata import compiled, message_of
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_library import JException

_CHILDREN = ("lhs", "rhs", "procedure", "condition", "then", "_else", "body", "expression")
_LISTS = ("expressions", "arguments")


def find_problem(expression: str, *, in_catch: bool) -> tuple[str, str] | None:
    """Return the code and the message of the first thing that is wrong. `in_catch` allows `$states.errorOutput`."""
    try:
        tree = compiled(expression).ast
    except JException as error:
        return "INVALID_JSONATA_EXPRESSION", message_of(error)
    except RecursionError:
        return "INVALID_JSONATA_EXPRESSION", "The expression is nested too deeply"
    except Exception as error:  # noqa: BLE001 - the parser lets any error pass, as of a pattern that does not compile
        return "INVALID_JSONATA_EXPRESSION", str(error)
    refused = next((each for each in _references(tree) if not (in_catch and "errorOutput" in each)), None)
    return ("UNSUPPORTED_JSONATA_EXPRESSION", refused) if refused else None


def _references(tree: Any) -> Iterator[str]:
    """Yield a message for each reference that is evaluated against the context item, which does not exist."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        if node.type == "path":
            names = [step.value for step in node.steps[:2]]
            if names == ["states", "errorOutput"]:
                yield "Reference to '$states.errorOutput' is not supported."
            waiting.append(node.steps[0])
        elif node.type in {"name", "wildcard", "descendant"}:
            yield f"Reference to '{node.value}' at the top level is not supported."
        elif node.type == "variable" and node.value in {"", "$"}:
            yield f"Reference to '${node.value}' is not supported."
        else:
            waiting += _children(node)


def _children(node: Any) -> Iterator[Any]:
    for name in _CHILDREN:
        child = getattr(node, name, None)
        if hasattr(child, "type"):
            yield child
    for name in _LISTS:
        if node.type != "lambda" or name != "arguments":
            yield from getattr(node, name, None) or ()
    for pair in getattr(node, "lhs_object", None) or ():
        yield from pair
