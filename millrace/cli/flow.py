"""`check`, `map` and `synth`: the flow of events in the stacks, before they are deployed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from millrace.cli import console
from millrace.cli.app import Json, app
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.flow import Graph
    from millrace.flow.findings import System

_ENDINGS = {"html": ".html", "svg": ".svg", "mermaid": ".mmd"}
_STDOUT = Path("-")


@app.command()
def check(
    *,
    as_json: Json = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print the findings as SARIF 2.1.0.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="ID", help="Explain a check instead of running any.")] = None,
) -> int:
    """Check the flow of events for loops, losses and leaks.

    Exits with 1 if there are findings.
    """
    from millrace.cli.project import Project
    from millrace.flow.checking import ALL_CHECKS, findings
    from millrace.flow.report import as_json as as_data
    from millrace.flow.report import as_sarif, reject_lone_surrogates

    if as_json + sarif + bool(explain) > 1:
        raise UsageError("Choose one of --json, --sarif and --explain.")
    if explain:
        return _explain_check(explain)
    project = Project.here()
    rejected = _synthesised(project)
    found = findings(_read(project))
    if rejected and not found:
        raise rejected  # by another validation of the app's own
    if as_json or sarif:
        console.data(as_sarif(found, ALL_CHECKS) if sarif else as_data(found), indent=2)
    else:
        console.block(reject_lone_surrogates(found))
    return 1 if found else 0


@app.command("map")
def map_(
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file; - prints it. Default: .millrace/map.html.")
    ] = None,
    form: Annotated[Literal["html", "svg", "mermaid"], typer.Option("--format", help="Choose the format.")] = "html",
) -> None:
    """Draw who publishes and who consumes each event.

    The page needs no network.
    """
    from millrace.cli.project import Project
    from millrace.flow.map import chart_of, mermaid, page, svg

    project = Project.here()
    title = ", ".join(dict.fromkeys(resource.stack for resource in project.flow))
    forms: dict[str, Callable[[Graph], str]] = {
        "html": lambda graph: page(graph, title=title),
        "svg": lambda graph: svg(chart_of(graph)),
        "mermaid": lambda graph: mermaid(chart_of(graph)),
    }
    text = forms[form](project.graph)
    file = out or project.state / f"map{_ENDINGS[form]}"
    if file == _STDOUT:
        console.block(text.removesuffix("\n"))
    else:
        project.write(file, text)
        console.out(str(file.relative_to(project.root) if file.is_relative_to(project.root) else file))


@app.command()
def synth(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Write to this folder.")] = Path("cdk.out"),
    as_json: Json = False,
) -> None:
    """Write the cloud assembly, unless it is up to date."""
    from millrace.cli.project import Project
    from millrace.cli.settings import context

    made = Project(Path.cwd(), out, context()).synthesise()
    if as_json:
        console.data({"out": str(out), "made": made})
    else:
        console.out(f"{out} is up to date")


def read_project(project: "Project") -> "System":
    """The stacks as they are now, with contracts and sources, even if synthesis reports findings."""
    _synthesised(project)
    return _read(project)


def _read(project: "Project") -> "System":
    from millrace.flow.checking import read_system

    return read_system(project.assembly, project.catalog, project.root)


def _synthesised(project: "Project") -> UsageError | None:
    """Bring the assembly up to date. Returns the error of a validation that failed after the assembly was written."""
    from millrace.local.cloudformation.synthesis import SynthesisValidationError

    try:
        project.synthesise()
    except UsageError as error:
        if isinstance(error.__cause__, SynthesisValidationError):
            return error
        raise
    return None


def _explain_check(name: str) -> int:
    from millrace.flow.checking import ALL_CHECKS, names
    from millrace.flow.report import explained

    known = [each for each in ALL_CHECKS if each.id == name]
    if not known:
        raise UsageError(f"There is no check {name}. Checks: {', '.join(names())}.")
    console.block(explained(known[0]))
    return 0
