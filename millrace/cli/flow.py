"""`check`, `map`, `cost` and `synth`: the flow of events in the stacks, before they are deployed."""

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
    from millrace.flow.cost import Amounts, Assumptions
    from millrace.flow.findings import System

_ENDINGS = {"html": ".html", "svg": ".svg", "mermaid": ".mmd"}
_STDOUT = Path("-")
_MILLION = 1_000_000
_PER_MILLION_BELOW = 0.01
"""Unit prices below this many dollars are shown for a million units."""


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
def cost(
    event: Annotated[
        str | None, typer.Argument(metavar="EVENT", help="Its class name. Default: each that begins a flow.")
    ] = None,
    *,
    size: Annotated[int, typer.Option("--bytes", metavar="N", help="Assume this size of an event.")] = 1024,
    milliseconds: Annotated[int, typer.Option(metavar="N", help="Assume this duration of an invocation.")] = 100,
    as_json: Json = False,
) -> None:
    """Estimate what an event causes and what a million of them cost.

    The amounts are upper bounds, the prices are AWS's public ones.
    """
    from millrace.cli.project import Project
    from millrace.events import UnknownEventError
    from millrace.flow import name_of
    from millrace.flow.cost import Assumptions, CyclicFlowError, caused_by, dollars, roots

    project, assumed = Project.here(), Assumptions(event_bytes=size, milliseconds=milliseconds)
    system = read_project(project)
    try:
        names = [name_of(project.catalog.named(event))] if event else [root.id for root in roots(system)]
        found = {name: caused_by(system, name, assumed) for name in names}
    except (UnknownEventError, CyclicFlowError) as error:
        raise UsageError(str(error.args[0])) from error
    if as_json:
        console.data({name: {"amounts": a, "dollars": dollars(a)} for name, a in found.items()}, indent=2)
        return
    for name, amounts in found.items():
        console.out(f"One {name.partition(':')[2]} causes at most:", *_cost_lines(amounts), "")
    console.block(_footnote(assumed))


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


def _cost_lines(amounts: "Amounts") -> list[str]:
    from millrace.flow.cost import dollars

    width = max(map(len, amounts))
    lines = [f"  {unit:<{width}}  {_amount(amount):>10}  {_price(unit, amount)}" for unit, amount in amounts.items()]
    head = f"  {'':<{width}}  {'FOR ONE':>10}  {'A MILLION':>11}  PRICE"
    return [head, *lines, f"  {'total':<{width}}  {'':>10}  {dollars(amounts) * _MILLION:>9,.2f} $"]


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:.4g}"


def _price(unit: str, amount: float) -> str:
    from millrace.flow.cost import PRICES

    if unit not in PRICES:
        return f"{'free':>11}"
    price = PRICES[unit]
    many, number = (_MILLION, "million ") if price.dollars < _PER_MILLION_BELOW else (1, "")
    cost = f"{price.dollars * amount * _MILLION:,.2f} $"
    return f"{cost:>11}  {price.dollars * many:,.2f} $ per {number}{price.unit}"


def _footnote(assumed: "Assumptions") -> str:
    from millrace.flow.cost import PRICES_AS_OF, REGION

    return (
        f"Prices of {PRICES_AS_OF}, {REGION}, without free tiers.\n"
        f"Assumed: events of {assumed.event_bytes:,} bytes; invocations of {assumed.milliseconds} ms that log "
        f"{assumed.log_bytes:,} bytes;\na handler that returns a list publishes one event of each type.\n"
        "Not counted: retries, the handlers' own use of tables, hours of streams and keys,\n"
        "storage, traces, data transfer."
    )
