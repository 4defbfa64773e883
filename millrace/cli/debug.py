"""`up --debug`: one function waits for a debugger."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.cli.console import say
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.local.workers import Debugging


def debugging(project: "Project", function: str, port: int) -> "Debugging":
    """How to debug a function of a project. Raises ModuleNotFoundError without debugpy."""
    from millrace.local.workers import Debugging

    found = find_spec("debugpy")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("debugpy is not installed", name="debugpy")
    packages = str(Path(found.origin).parents[1])
    return Debugging(function, port, str(project.root.resolve()), packages, lambda: _waits(function, port))


def check_function(project: "Project", function: str) -> None:
    """Raise UsageError unless the stacks have a function of this name."""
    known = sorted({name for template in project.templates for name in _names(template)})
    if function not in known:
        raise UsageError(f"--debug {function}: no function has this name. The functions are: {', '.join(known)}.")


def _names(template: Mapping[str, Any]) -> list[str]:
    facts = (each.get("Metadata", {}).get("millrace", {}) for each in template["Resources"].values())
    return [each["function"] for each in facts if "function" in each]


def _waits(function: str, port: int) -> None:
    say(f"» {function} waits for a debugger at 127.0.0.1:{port}; its timeout and the clock stand still")
