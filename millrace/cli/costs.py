"""`cost`: what one event causes, and what a million of them cost."""

from millrace.cli import console
from millrace.cli.checks import read_project
from millrace.cli.project import Project, WrongUse
from millrace.events import UnknownEventError
from millrace.flow import name_of
from millrace.flow.cost import (
    PRICES,
    PRICES_AS_OF,
    REGION,
    Amounts,
    Assumptions,
    CyclicFlowError,
    caused_by,
    dollars,
    roots,
)

_MILLION = 1_000_000


def cost(project: Project, event: str | None, assumed: Assumptions, *, machine: bool) -> int:
    """Print what an event causes at most, or each with which a flow begins."""
    system = read_project(project)
    try:
        names = [name_of(project.catalog.named(event))] if event else [root.id for root in roots(system)]
        found = {name: caused_by(system, name, assumed) for name in names}
    except (UnknownEventError, CyclicFlowError) as error:
        raise WrongUse(str(error.args[0])) from error
    if machine:
        console.data({name: {"amounts": a, "dollars": dollars(a)} for name, a in found.items()}, indent=2)
        return 0
    for name, amounts in found.items():
        console.out(f"One {name.partition(':')[2]} causes at most", *_lines(amounts), "")
    console.block(_footnote(assumed))
    return 0


def _lines(amounts: Amounts) -> list[str]:
    width = max(map(len, amounts))
    lines = [f"  {unit:<{width}}  {_amount(amount):>12}  {_price(unit, amount)}" for unit, amount in amounts.items()]
    return [*lines, f"  {'a million':<{width}}  {'':>12}  {dollars(amounts) * _MILLION:>11,.2f} $"]


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:.4g}"


def _price(unit: str, amount: float) -> str:
    if unit not in PRICES:
        return f"{'free':>11}"
    return f"{PRICES[unit].dollars * amount * _MILLION:>11,.2f} $ a million, by the {PRICES[unit].unit}"


def _footnote(assumed: Assumptions) -> str:
    return (
        f"Prices of {PRICES_AS_OF}, {REGION}, without free tiers. Assumed: events of {assumed.event_bytes:,} bytes, "
        f"invocations of {assumed.milliseconds} ms that log {assumed.log_bytes:,} bytes.\nNot counted: retries, what "
        "handlers do with their tables, hours of streams and keys, storage, traces, data transfer."
    )
