"""Signatures of the constructs, for `help()` and `inspect.signature`.

jsii's metaclass defines `__call__(*args, **kwargs)`, which hides the parameters of `__init__` from both.
"""

import inspect
from collections.abc import Iterable
from inspect import Parameter, Signature
from typing import Any, get_args

from constructs import Construct


class _Optional:
    """The default of a setting, which a construct chooses."""

    def __repr__(self) -> str:
        return "…"


class _InitSignature:
    """The signature of a class: that of its `__init__`, with the keys of `**settings` as parameters."""

    def __get__(self, _instance: object, owner: type[Any]) -> Signature:
        _self, *parameters = inspect.signature(owner.__init__).parameters.values()
        expanded = [each for parameter in parameters for each in _expanded(parameter)]
        return Signature(expanded, return_annotation=owner)


def show_signatures(names: Iterable[object]) -> None:
    """Let `inspect.signature` return the parameters of `__init__` for each construct among these objects."""
    for each in names:
        if isinstance(each, type) and issubclass(each, Construct):
            setattr(each, "__signature__", _InitSignature())  # noqa: B010 - mypy does not know the attribute


def _expanded(parameter: Parameter) -> Iterable[Parameter]:
    """The keyword parameters of `**settings: Unpack[Settings]`; any other parameter itself."""
    if parameter.kind is not Parameter.VAR_KEYWORD:
        return [parameter]
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=_Optional(), annotation=annotation)
        for settings in get_args(parameter.annotation)
        for name, annotation in settings.__annotations__.items()
    ]
