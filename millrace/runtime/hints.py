"""Type annotations, read for the events that they name."""

import inspect
import types
import typing
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from millrace.events import Event


class UnclearSignature(TypeError):
    """A function whose annotations do not say what it takes and returns."""


def hints_of(function: Any, where: str) -> dict[str, Any]:
    """The annotations of a function. Raises UnclearSignature for a name that cannot be found, and for async def."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise UnclearSignature(
            f"{where} is an async def, and Lambda calls plain functions: write def, and asyncio.run(…) inside it."
        )
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise UnclearSignature(f"{where}: {error}. Import the name where the module itself can see it.") from error


def events_among(hint: Any) -> tuple[list[type[Event]], list[Any]]:
    """The events among the options of a union, and whatever else is there."""
    events: list[type[Event]] = []
    rest: list[Any] = []
    for option in options(hint):
        declared = isinstance(option, type) and issubclass(option, Event) and hasattr(option, "contract")
        (events if declared else rest).append(option)
    return events, rest


def options(hint: Any) -> Iterable[Any]:
    """What a union may be; a hint that is none is its one option."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
