"""`check`: what is wrong with the flow of events, before it is deployed."""

from collections.abc import Sequence
from typing import Literal

from millrace.cli import console
from millrace.cli.project import Project, WrongUse
from millrace.flow.checking import ALL_CHECKS, findings, names, read_system
from millrace.flow.findings import Finding, System
from millrace.flow.sarif import as_sarif
from millrace.flow.telling import as_json, as_text, explained
from millrace.local.cloudformation.synthesis import SynthesisValidationError

Form = Literal["text", "json", "sarif"]


def check(project: Project, form: Form) -> int:
    """Print what the checks find in the stacks as they are now. 1 if they find anything."""
    refused = _synthesised(project)
    found = findings(_read(project))
    if refused and not found:
        raise refused  # another validation of the app's own has
    _print(found, form)
    return 1 if found else 0


def read_project(project: Project) -> System:
    """The stacks as they are now, with the contracts and the sources, findings or not."""
    _synthesised(project)
    return _read(project)


def _read(project: Project) -> System:
    return read_system(project.assembly, project.catalog, project.root)


def explain_check(name: str) -> int:
    """Print what a check is about."""
    known = [each for each in ALL_CHECKS if each.id == name]
    if not known:
        raise WrongUse(f"There is no check {name}, only {', '.join(names())}.")
    console.block(explained(known[0]))
    return 0


def _synthesised(project: Project) -> WrongUse | None:
    """Bring the assembly up to date, and give the error of a synth that findings have stopped once all was written."""
    try:
        project.synthesise()
    except WrongUse as error:
        if isinstance(error.__cause__, SynthesisValidationError):
            return error
        raise
    return None


def _print(found: Sequence[Finding], form: Form) -> None:
    if form == "text":
        console.block(as_text(found))
    else:
        console.data(as_sarif(found, ALL_CHECKS) if form == "sarif" else as_json(found), indent=2)
