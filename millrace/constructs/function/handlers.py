"""Load handlers below `functions/` and read their declarations."""

import importlib
from typing import TypeVar

from millrace.constructs.function.project import FUNCTIONS, project
from millrace.runtime import BatchView, Declaration, Processor, Projection, Query, Step, StreamProcessor
from millrace.runtime.api.query import QueryDeclaration
from millrace.runtime.processor import Handler

H = TypeVar("H")


class FunctionNotFoundError(LookupError):
    """A construct names a folder that has no handler."""


class MissingDeclarationError(TypeError):
    """A handler has no decorator, or not the one that its construct needs."""


def declared_processor(function: str) -> Declaration:
    """Return the declaration of a folder's @processor."""
    return _declared(function, Processor, "@processor")


def declared_step(function: str) -> Declaration:
    """Return the declaration of a folder's @step."""
    return _declared(function, Step, "@step")


def declared_projection(function: str) -> tuple[Declaration, str]:
    """Return the declaration of a folder's @projection, and the key attribute of its rows."""
    handler = _handler(function, Projection, "@projection")
    return handler.declaration, handler.view.key


def declared_stream_processor(function: str) -> StreamProcessor[..., object]:
    """Return a folder's @stream_processor."""
    return _handler(function, StreamProcessor, "@stream_processor")


def declared_batch_view(function: str) -> BatchView:
    """Return a folder's @batch_view."""
    return _handler(function, BatchView, "@batch_view")


def declared_query(function: str) -> QueryDeclaration:
    """Return the declaration of a folder's @query."""
    return _handler(function, Query, "@query").declaration


def _declared(function: str, kind: type[Handler[..., object]], decorator: str) -> Declaration:
    return _handler(function, kind, decorator).declaration


def _handler(function: str, kind: type[H], decorator: str) -> H:
    _check_folder(function)
    module = importlib.import_module(f"{FUNCTIONS}.{function}.handler")
    handler = getattr(module, "handler", None)
    if not isinstance(handler, kind):
        raise MissingDeclarationError(
            f"{FUNCTIONS}/{function}/handler.py has no function 'handler' decorated with {decorator}: "
            f"decorate def handler(…) with {decorator}, or use the construct for the decorator that it has."
        )
    return handler


def _check_folder(function: str) -> None:
    root = project() / FUNCTIONS
    if (root / function / "handler.py").is_file():
        return
    known = ", ".join(sorted(file.parent.name for file in root.glob("*/handler.py"))) or "none"
    raise FunctionNotFoundError(
        f"{root / function} has no handler.py. The functions of this project are: {known}. "
        f"Name one of them, or add {FUNCTIONS}/{function}/handler.py; run the app in the project's folder."
    )
