"""Events in type annotations."""

import inspect
import types
import typing
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from millrace.events import Event


class SignatureError(TypeError):
    """The annotations of a function are missing or unsupported. The message contains the fix."""


def hints_of(function: Any, where: str) -> dict[str, Any]:
    """Return the annotations of a function. Raises SignatureError for an unknown name and for async def."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise SignatureError(
            f"{where} is an async def, and Lambda calls plain functions: write def, and asyncio.run(…) inside it."
        )
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise SignatureError(f"{where}: {error}. Import the name at the top of the module.") from error


def events_among(hint: Any) -> tuple[list[type[Event]], list[Any]]:
    """Split the options of a union into events and other types."""
    events: list[type[Event]] = []
    rest: list[Any] = []
    for option in options(hint):
        declared = isinstance(option, type) and issubclass(option, Event) and hasattr(option, "contract")
        (events if declared else rest).append(option)
    return events, rest


def options(hint: Any) -> Iterable[Any]:
    """Return the options of a union; any other annotation is its only option."""
    return get_args(hint) if get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
