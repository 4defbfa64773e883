"""`--stage` and `--context`: the options of every command that synthesises the stacks."""

import inspect
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any

import typer

from millrace.operations import UsageError

STAGE = "stage"
"""The context key of the stage, which app.py reads."""
_WITHOUT = {"init", "settle", "down"}
"""The commands that synthesise nothing."""
_STAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_given: ContextVar[Mapping[str, str]] = ContextVar("context")

Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="NAME", envvar="MILLRACE_STAGE", help="Set the stage: the context key `stage`."),
]
Context = Annotated[
    list[str] | None,
    typer.Option("-c", "--context", metavar="KEY=VALUE", help="Set a value of the context. Can be repeated."),
]
_OPTIONS = {"stage": Stage, "context": Context}


def context() -> Mapping[str, str]:
    """The context that the options of the running command set."""
    return _given.get({})


def add_settings(app: typer.Typer) -> None:
    """Add the options to the commands of an app and of its groups, once."""
    for command in app.registered_commands:
        callback = command.callback
        if callback and callback.__name__ not in _WITHOUT and not hasattr(callback, "takes_settings"):
            command.callback = _with_settings(callback)
    for group in app.registered_groups:
        if group.typer_instance and group.name != "new":
            add_settings(group.typer_instance)


def _with_settings(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def run(*args: Any, stage: str | None, context: list[str] | None, **options: Any) -> Any:
        _given.set(dict(map(_pair, context or ())) | _stage(stage))
        return callback(*args, **options)

    signature = inspect.signature(callback)
    added = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in _OPTIONS.items()]
    vars(run)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), *added])
    run.__annotations__ = {**callback.__annotations__, **_OPTIONS}
    vars(run)["takes_settings"] = True
    return run


def _stage(name: str | None) -> dict[str, str]:
    if name and not _STAGE_NAME.fullmatch(name):
        raise UsageError(f"--stage {name}: use letters, digits and hyphens, as in the name of a stack.")
    return {STAGE: name} if name else {}


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise UsageError(f"--context {given}: write KEY=VALUE.")
    return name, value
