"""From the name of a folder below `functions/` to what its handler declares."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from millrace.events import Catalog, Event
from millrace.runtime import Declaration, Processor, Projection, Query, Step
from millrace.runtime.api.query import QueryDeclaration
from millrace.runtime.processor import Handler

EventTypes = Iterable[type[Event]]
H = TypeVar("H")
FUNCTIONS = "functions"
CONTRACTS = "contracts"


class UnknownFunction(LookupError):
    """A construct names a folder that has no handler."""


class NotDeclared(TypeError):
    """A handler without its declaration, or with the other one."""


def project() -> Path:
    """The folder of the CDK app: it is run there, as the CDK CLI does."""
    return Path.cwd()


def contracts() -> Catalog:
    """The contracts of the project; none, where it keeps none in their folder."""
    there = (project() / FUNCTIONS / CONTRACTS).is_dir()
    return Catalog.load(f"{FUNCTIONS}.{CONTRACTS}") if there else Catalog([])


def declared_processor(function: str) -> Declaration:
    """What the @processor of a folder declares."""
    return _declared(function, Processor, "@processor")


def declared_step(function: str) -> Declaration:
    """What the @step of a folder declares."""
    return _declared(function, Step, "@step")


def declared_projection(function: str) -> tuple[Declaration, str]:
    """What the @projection of a folder declares, and the key of its rows."""
    handler = _handler(function, Projection, "@projection")
    return handler.declaration, handler.view.key


def declared_query(function: str) -> QueryDeclaration:
    """What the @query of a folder declares."""
    return _handler(function, Query, "@query").declaration


def _declared(function: str, kind: type[Handler[..., object]], decorator: str) -> Declaration:
    return _handler(function, kind, decorator).declaration


def _handler(function: str, kind: type[H], decorator: str) -> H:
    _check_folder(function)
    module = importlib.import_module(f"{FUNCTIONS}.{function}.handler")
    handler = getattr(module, "handler", None)
    if not isinstance(handler, kind):
        raise NotDeclared(
            f"{FUNCTIONS}/{function}/handler.py has no function 'handler' under {decorator}: "
            f"write {decorator} above def handler(…), or use the construct that fits what is there."
        )
    return handler


def _check_folder(function: str) -> None:
    root = project() / FUNCTIONS
    if (root / function / "handler.py").is_file():
        return
    known = ", ".join(sorted(file.parent.name for file in root.glob("*/handler.py"))) or "none"
    raise UnknownFunction(
        f"{root / function} has no handler.py. The functions of this project are: {known}. "
        f"Name one of them, or add {FUNCTIONS}/{function}/handler.py; the app is run in the project's folder."
    )
