"""Replaces parts of moto, and fails where moto has changed under a replacement. docs/moto-patches.md lists all.

A patch names the parameters of what it replaces, so that a new parameter in moto is not lost silently.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

applied: list[str] = []
"""The replaced attributes of this process, as `moto.sqs.models.Queue.add_message`."""


class MotoChangedError(RuntimeError):
    """moto no longer has what a patch replaces, or calls it with other parameters."""


def replace(owner: Any, name: str, replacement: Callable[..., Any]) -> Any:
    """Replace a function of a class or a module; return moto's own. Raises MotoChangedError."""
    original = getattr(owner, name, None)
    if not callable(original):
        raise _changed(owner, name, "it does not exist")
    problem = _mismatch(inspect.signature(original), inspect.signature(replacement))
    if problem:
        raise _changed(owner, name, problem)
    _set(owner, name, replacement)
    return original


def add(owner: Any, name: str, method: Callable[..., Any]) -> None:
    """Add a method that moto does not have. Raises MotoChangedError if it has one now."""
    if hasattr(owner, name):
        raise _changed(owner, name, "it exists")
    _set(owner, name, method)


def replace_attribute(owner: Any, name: str, replacement: property | cached_property[Any]) -> None:
    """Replace a property, or an attribute that a method of the class sets. Raises MotoChangedError."""
    methods = [each.__code__ for each in vars(owner).values() if inspect.isfunction(each)]
    if not hasattr(owner, name) and not any(name in code.co_names for code in methods):
        raise _changed(owner, name, "it does not exist")
    _set(owner, name, replacement)


def when_imported(backend: str, change: Callable[[], None]) -> None:
    """Call `change` once moto uses a backend, before it does. For backends that most clouds do not use."""
    from moto import backends

    waiting = [change]

    def import_backend(module_name: str, backends_name: str) -> Any:
        found = original(module_name, backends_name)
        if module_name == backend and waiting:
            waiting.pop()()
        return found

    original = replace(backends, "_import_backend", import_backend)


def _set(owner: Any, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement)
    applied.append(_path(owner, name))


def _mismatch(original: inspect.Signature, replacement: inspect.Signature) -> str | None:
    """Return which parameter of moto's function the replacement does not have. The first is `self` or like it."""
    own = list(replacement.parameters.values())
    for position, parameter in enumerate(original.parameters.values()):
        if position < len(own) and own[position].kind in _VARIADIC:
            return None
        if position >= len(own):
            return f"it has the new parameter {parameter.name}"
        if position and own[position].name.lstrip("_") != parameter.name.lstrip("_"):
            return f"its parameter {position} is {parameter.name}, no longer {own[position].name}"
    return _missing(own[len(original.parameters) :])


def _missing(further: Sequence[inspect.Parameter]) -> str | None:
    required = [each.name for each in further if each.default is each.empty and each.kind not in _VARIADIC]
    return f"it has no parameter {required[0]}" if required else None


def _path(owner: Any, name: str) -> str:
    if inspect.ismodule(owner):
        return f"{owner.__name__}.{name}"
    return f"{owner.__module__}.{owner.__qualname__}.{name}"


def _changed(owner: Any, name: str, what: str) -> MotoChangedError:
    from moto import __version__

    return MotoChangedError(
        f"Millrace changes {_path(owner, name)}, but in moto {__version__} {what}. Install a version of moto that "
        f"Millrace supports (see pyproject.toml), or adapt the patch (see docs/moto-patches.md)."
    )
