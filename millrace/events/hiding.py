"""Sensitive values, taken out of what errors say."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from millrace.events.sensitive import MASK

LEAST: Final = 3
"""Characters that a value has at least that is looked for in a text."""


def hide(text: str, secrets: Iterable[Any]) -> str:
    """A text without the values, however it spells them."""
    spelt = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST}
    for form in sorted(spelt, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


@contextmanager
def hiding(secrets: Callable[[], Iterable[Any]]) -> Iterator[None]:
    """Let what is raised say nothing of some values, which are asked for only then.

    An error keeps its type, its place and its causes. In place of one that shows a value still, other than by its
    arguments, another is raised that can be caught as that one.
    """
    try:
        yield
    except Exception as error:
        hidden = list(secrets())
        if not hidden or _silenced(error, hidden):
            raise
        raise _stand_in(error, hidden) from None


def _silenced(error: BaseException, secrets: list[Any]) -> bool:
    """Take the values out of an error and of those behind it. False where it shows one all the same."""
    error.args = tuple(_hidden(argument, secrets) for argument in error.args)
    if hasattr(error, "__notes__"):
        error.__notes__ = [hide(note, secrets) for note in error.__notes__]
    for name in ("__cause__", "__context__"):
        behind = getattr(error, name)
        if behind is not None and not _silenced(behind, secrets):
            setattr(error, name, None)
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        _silenced(each, secrets)
    return hide(str(error), secrets) == str(error)


def _stand_in(error: Exception, secrets: list[Any]) -> Exception:
    """An error of a class of the same name, below the other's, which says nothing else."""
    told = hide(str(error), secrets)
    if isinstance(error, ExceptionGroup):
        return ExceptionGroup(told, error.exceptions).with_traceback(error.__traceback__)
    kind: type[Exception] = type(type(error).__name__, (type(error),), {"__str__": lambda _: told})
    return kind.__new__(kind, told).with_traceback(error.__traceback__)


def _hidden(argument: Any, secrets: list[Any]) -> Any:
    """An argument of an error; what is no text is told as one where it shows a value."""
    told = argument if isinstance(argument, str) else repr(argument)
    without = hide(told, secrets)
    return argument if without == told else without


def _forms(secret: Any) -> Iterator[str]:
    if secret is None or isinstance(secret, bool):
        return
    text = str(secret)
    yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1])
