"""`cost`: what an event causes, and what the stacks cost without one."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Json, app
from millrace.cli.flow import read_project
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.flow.cost import Amounts, Assumptions
    from millrace.flow.findings import System

_MILLION = 1_000_000
_PER_MILLION_BELOW = 0.01
"""Unit prices below this many dollars are shown for a million units."""
_CENT = 0.01


@app.command()
def cost(
    event: Annotated[
        str | None,
        typer.Argument(
            metavar="EVENT",
            help="Its class name, or a stream processor with --rate. Default: each that begins a flow.",
        ),
    ] = None,
    *,
    size: Annotated[int, typer.Option("--bytes", metavar="N", help="Assume this size of an event.")] = 1024,
    milliseconds: Annotated[int, typer.Option(metavar="N", help="Assume this duration of an invocation.")] = 100,
    rate: Annotated[
        float | None, typer.Option(metavar="N", min=0.001, help="Compare N events a second with AWS's quotas.")
    ] = None,
    keys: Annotated[int, typer.Option(metavar="N", min=1, help="Assume this many keys of readings.")] = 1000,
    as_json: Json = False,
) -> None:
    """Estimate what events cause and cost, and what idle stacks cost.

    The amounts are upper bounds, the prices are AWS's public ones. With --rate, also which quota of an account binds
    first, and how many cells the rate needs.
    """
    from millrace.cli.project import Project
    from millrace.flow.cost import Assumptions
    from millrace.flow.idle import idle

    project, assumed = Project.here(), Assumptions(event_bytes=size, milliseconds=milliseconds, keys=keys)
    system = read_project(project)
    found = _caused(project, system, event, assumed, rate)
    idling = {} if event else {"idle": idle(system.assembly)}
    if as_json:
        months = {name: {"amounts": a, "dollars_a_month": _dollars(a)} for name, a in idling.items()}
        console.data({"events": _as_data(found, rate, assumed), **months}, indent=2)
        return
    for name, amounts in found.items():
        console.out(f"One {name.partition(':')[2] or f'reading of {name}'} causes at most:", *_event_lines(amounts), "")
        if rate:
            console.out(*_scale_lines(amounts, rate, assumed), "")
    for amounts in idling.values():
        console.out("Without an event, the stacks cost in a month:", *_idle_lines(amounts), "")
    console.block(_footnote(assumed))


def _caused(
    project: "Project", system: "System", event: str | None, assumed: "Assumptions", rate: float | None
) -> "dict[str, Amounts]":
    """The amounts of an event or a reading; or of all events that begin a flow and, with a rate, of all readings."""
    from millrace.events import UnknownEventError
    from millrace.flow.cost import CyclicFlowError

    try:
        readings = _of_readings(system, event, assumed, rate)
        return readings if event and readings else _of_events(project, system, event, assumed) | readings
    except (UnknownEventError, CyclicFlowError) as error:
        raise UsageError(str(error.args[0])) from error


def _of_events(project: "Project", system: "System", event: str | None, assumed: "Assumptions") -> "dict[str, Amounts]":
    from millrace.flow import name_of
    from millrace.flow.cost import caused_by, roots

    names = [name_of(project.catalog.named(event))] if event else [root.id for root in roots(system)]
    return {name: caused_by(system, name, assumed) for name in names}


def _of_readings(
    system: "System", function: str | None, assumed: "Assumptions", rate: float | None
) -> "dict[str, Amounts]":
    """The amounts of one reading of each stream processor, or of the one with this function."""
    from millrace.flow.readings import caused_by_reading

    nodes = [node for node in system.graph.of("stream-processor") if function in (node.name, None)]
    if function and nodes and rate is None:
        raise UsageError(f"Readings of {function} share batches and windows: add --rate N, the readings a second.")
    return {node.name: caused_by_reading(system, node, rate, assumed) for node in nodes if rate}


def _as_data(found: "dict[str, Amounts]", rate: float | None, assumed: "Assumptions") -> dict[str, object]:
    scaled = {name: _scaled(amounts, rate, assumed) for name, amounts in found.items()}
    return {name: {"amounts": a, "dollars": _dollars(a), **scaled[name]} for name, a in found.items()}


def _event_lines(amounts: "Amounts") -> list[str]:
    return _lines(amounts, ("FOR ONE", "A MILLION"), _MILLION)


def _idle_lines(amounts: "Amounts") -> list[str]:
    return _lines(amounts, ("AMOUNT", "A MONTH"), 1) if amounts else ["  nothing that is counted here"]


def _lines(amounts: "Amounts", heads: tuple[str, str], times: int) -> list[str]:
    """The amount of each unit, and the price of so many times that amount."""
    width = max(map(len, amounts))
    rows = [
        f"  {unit:<{width}}  {_amount(amount):>11}  {_price(unit, amount * times)}" for unit, amount in amounts.items()
    ]
    head = f"  {'':<{width}}  {heads[0]:>11}  {heads[1]:>11}  PRICE"
    return [head, *rows, f"  {'total':<{width}}  {'':>11}  {_dollars(amounts) * times:>9,.2f} $"]


def _dollars(amounts: "Amounts") -> float:
    from millrace.flow.cost import dollars

    return dollars(amounts)


def _scale_lines(amounts: "Amounts", rate: float, assumed: "Assumptions") -> list[str]:
    from millrace.flow.scaling import scale

    found = scale(amounts, rate, assumed)
    head = f"At {_amount(rate)} a second: {found.cells:,} cell(s), {found.dollars_a_month:,.0f} $ a month"
    lines = ((use.quota, f"{use.used:>14,.0f}") for use in found.uses)
    return [head, *(f"  {quota.name:<34} {used} of {quota.limit:,.0f} {quota.unit}" for quota, used in lines)]


def _scaled(amounts: "Amounts", rate: float | None, assumed: "Assumptions") -> dict[str, object]:
    from millrace.flow.scaling import scale

    if rate is None:
        return {}
    found = scale(amounts, rate, assumed)
    shares = {use.quota.name: round(use.share, 4) for use in found.uses}
    return {"rate": rate, "cells": found.cells, "dollars_a_month": found.dollars_a_month, "shares": shares}


def _amount(amount: float) -> str:
    """An amount with four digits, without an exponent."""
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{Decimal(f'{amount:.4g}'):,f}"


def _price(unit: str, amount: float) -> str:
    from millrace.flow.cost import PRICES

    if unit not in PRICES:
        return f"{'free':>11}"
    price = PRICES[unit]
    many, number = (_MILLION, "million ") if price.dollars < _PER_MILLION_BELOW else (1, "")
    cost = f"{price.dollars * amount:,.2f} $"
    return f"{cost:>11}  {_unit_price(price.dollars * many)} $ per {number}{price.unit}"


def _unit_price(dollars: float) -> str:
    """A price with two decimals, or with four digits where it has parts of a cent."""
    cents = dollars / _CENT
    return f"{dollars:,.2f}" if abs(cents - round(cents)) < _CENT else f"{dollars:,.4g}"


def _footnote(assumed: "Assumptions") -> str:
    from millrace.flow.cost import PRICES_AS_OF, REGION

    return (
        f"Prices of {PRICES_AS_OF}, {REGION}, without free tiers.\n"
        f"Assumed: events of {assumed.event_bytes:,} bytes; invocations of {assumed.milliseconds} ms that log "
        f"{assumed.log_bytes:,} bytes;\na handler that returns a list publishes one event of each type.\n"
        "Not counted: retries, the handlers' own use of tables, storage, traces, data transfer,\n"
        "and, without an event, schedules and resources of types that docs/cost.md does not list."
    )
