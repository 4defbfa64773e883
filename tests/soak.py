"""Orders through the shop while functions fail, crash, are called twice and conflict: `python tests/soak.py`.

Each order must be completed or rejected once, stock and payments must add up, and a redrive must empty every
dead-letter queue. Orders run in waves that fit into the event history. The first orders of a wave meet an outage of one
function, which ends before the redrive. With each order, a bank whose functions take lists receives a deposit, which
must count once.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from millrace.local.services.stepfunctions import StepFunctions

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "examples"), str(ROOT / "tests")]

from bank import deposits  # noqa: E402 - found by the line above
from carrier import Carrier, refusal_reason  # noqa: E402

WAVE = 500
PLENTY = 1_000_000
PRICE, HIGH_PRICE = 250, 60_000
ENDS = ("OrderCompleted", "OrderRejected")
REDRIVES = 10
OUTAGES = ("award_points", "charge_payment", "complete_order", "arrange_shipping", "rate_credit", "reserve_stock")
"""Processors behind a queue or invoked by a rule, and steps of the saga."""


@dataclass
class Soaked:
    """Results of the orders. `wrong` lists violations."""

    orders: int
    seed: int
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    redrives: int = 0
    executions: int = 0
    wrong: list[str] = field(default_factory=list)


def soak(
    cloud: Any, orders: int, seed: int, rates: dict[str, float], outage: float = 0.0, *, bank: bool = False
) -> Soaked:
    """Place orders in a local cloud with the shop, and with `bank` also the bank. `outage` is its failure rate."""
    outages = (*OUTAGES, *deposits.FUNCTIONS) if bank else OUTAGES
    soaked, began = Soaked(orders, seed), time.monotonic()
    before = dict(cloud.region.faults.drawn)
    stock(cloud)
    sold = Counter[str]()
    with Carrier(cloud.client, refusal_reason):
        for first in range(0, orders, WAVE):
            numbers = range(first, min(first + WAVE, orders))
            affected = numbers[: len(numbers) // 10]
            cloud.fail(outages[first // WAVE % len(outages)], seed=seed + first, failing=outage)
            flows = place_all(cloud, affected, bank=bank)
            cloud.fail(seed=seed + first, **rates)
            flows |= place_all(cloud, numbers[len(affected) :], bank=bank)
            cloud.fail(seed=0)
            redrive(cloud, soaked, bank=bank)
            sold.update(count_results(cloud, soaked, flows))
            report_progress(numbers.stop, soaked, time.monotonic() - began)
    soaked.faults = Counter(cloud.region.faults.drawn) - Counter(before)
    soaked.executions = redriven(cloud)
    soaked.wrong += [*wrong_tables(cloud, sold), *in_flight(cloud)]
    if bank:
        soaked.wrong += deposits.wrong(lambda name: items(cloud, name), orders)
    soaked.seconds = time.monotonic() - began
    return soaked


def stock(cloud: Any) -> None:
    from functions.contracts.warehouse import StockDelivered

    cloud.put(StockDelivered(sku="cup", quantity=PLENTY), bus="shop")
    cloud.settle()


def place_all(cloud: Any, numbers: Iterable[int], *, bank: bool) -> dict[int, str]:
    """Place orders and settle. Return the correlation id of each."""
    if bank:
        deposits.deposit(cloud, numbers)
    flows = {number: place(cloud, number) for number in numbers}
    cloud.settle(3600)
    return flows


def place(cloud: Any, number: int) -> str:
    """Place an order. Of ten, one is too expensive and one has an unsupported country; the others complete."""
    from functions.contracts.orders import Address, Line, PlaceOrder

    price = HIGH_PRICE if number % 10 == 3 else PRICE
    country = "AQ" if number % 10 == 7 else "DE"
    address = Address(name="A", street="B", city="C", country=country)
    lines = (Line(sku="cup", quantity=1 + number % 3, unit_price_cents=price),)
    if number % 10 == 3:
        lines = (Line(sku="cup", quantity=2, unit_price_cents=HIGH_PRICE),)
    order = PlaceOrder(
        order_id=f"soak-{number}", customer_id=f"customer-{number % 50}", lines=lines, card="tok", address=address
    )
    return str(cloud.put(order, bus="shop").correlation_id)


def report_progress(done: int, soaked: Soaked, seconds: float) -> None:
    """Print progress to standard error."""
    left = seconds / done * (soaked.orders - done)
    ends = ", ".join(f"{count:,} {name}" for name, count in soaked.ends.most_common())
    text = (
        f"{done:,} of {soaked.orders:,} orders: {ends}; {soaked.dead_letters} dead letters; {len(soaked.wrong)} wrong; "
    )
    print(f"{text}{seconds:.0f} s, {left:.0f} s to go", file=sys.stderr, flush=True)  # noqa: T201


def redrive(cloud: Any, soaked: Soaked, *, bank: bool) -> None:
    """Redrive all dead letters until none is left. Redriven events may fail again."""
    from millrace.cli import main

    for _ in range(REDRIVES):
        count = sum(1 for _ in waiting(cloud, dead=True))
        if not count:
            return
        soaked.dead_letters += count
        soaked.redrives += 1
        with redirect_stdout(StringIO()):
            main(["dlq", "redrive", "--all"])
        if bank:
            deposits.redrive()
        cloud.settle(3600)
    soaked.wrong.append(f"dead letters are left after {REDRIVES} redrives")


def count_results(cloud: Any, soaked: Soaked, flows: dict[int, str]) -> Counter[str]:
    """Count the results of orders, and what the completed ones sold."""
    sold: Counter[str] = Counter()
    for number, flow in flows.items():
        ends = [name for name in cloud.trace(flow).names() if name in ENDS]
        expected = ENDS[1] if number % 10 in (3, 7) else ENDS[0]
        soaked.ends[ends[0] if len(ends) == 1 else "neither or both"] += 1
        if len(ends) != 1:
            soaked.wrong.append(f"soak-{number} ended as {ends or 'nothing'}")
        elif ends == [ENDS[0]] != [expected]:
            soaked.wrong.append(f"soak-{number} was completed, and should not have been")
        elif ends == [ENDS[0]]:
            sold["cups"] += 1 + number % 3
            sold["cents"] += (1 + number % 3) * PRICE
            sold["points"] += (1 + number % 3) * PRICE // 100
        sold["score"] += 1 if ends == [ENDS[0]] else -1
    return sold


def wrong_tables(cloud: Any, sold: Counter[str]) -> Iterator[str]:
    cups = next(item for item in items(cloud, "stock") if item["sku"] == "cup")
    if cups["quantity"] != PLENTY - sold["cups"] or cups.get("reserved"):
        yield f"{cups['quantity']} cups are left, {sold['cups']} of {PLENTY} are sold: {cups.get('reserved', 'none')}"
    paid = sum(item["amount_cents"] for item in items(cloud, "payments") if item["state"] == "charged")
    if paid != sold["cents"]:
        yield f"{paid} cents are charged, and {sold['cents']} are owed"
    points = sum(item["balance"] for item in items(cloud, "points"))
    if points != sold["points"]:
        yield f"{points} points are awarded, and {sold['points']} are earned"
    score = sum(item["score"] for item in items(cloud, "ratings"))
    if score != sold["score"]:
        yield f"the scores of all customers are {score}, and should be {sold['score']}"


def items(cloud: Any, name: str) -> list[dict[str, Any]]:
    client = cloud.client("dynamodb")
    table = next(each for each in client.list_tables()["TableNames"] if name in each.lower())
    found, more = [], {}
    while True:
        page = cloud.resource("dynamodb").Table(table).scan(**more)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def in_flight(cloud: Any) -> Iterator[str]:
    yield from (f"a message is left in {url}" for url in waiting(cloud, dead=False))
    machines = cloud.client("stepfunctions")
    for machine in machines.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for status in ("RUNNING", "FAILED", "TIMED_OUT", "ABORTED"):
            if machines.list_executions(stateMachineArn=arn, statusFilter=status)["executions"]:
                yield f"executions of {machine['name']} are {status}"


def redriven(cloud: Any) -> int:
    """Return the number of redriven executions."""
    runs = cloud.on_loop(cloud.region.service(StepFunctions).all_executions)
    return sum(1 for run in runs if run.redrives)


def waiting(cloud: Any, *, dead: bool) -> Iterator[str]:
    """Yield the queue URL of each message that is visible, in flight or delayed."""
    sqs = cloud.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        if dead == ("DeadLetters" in url):
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            kinds = ("", "NotVisible", "Delayed")
            yield from [url] * sum(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)


def reject_lone_surrogates(soaked: Soaked) -> str:
    ends = ", ".join(f"{count} {name}" for name, count in soaked.ends.most_common())
    faults = ", ".join(f"{count} {name}" for name, count in soaked.faults.most_common())
    return "\n".join(
        [
            f"{soaked.orders:,} orders, seed {soaked.seed}, in {soaked.seconds:.0f} s",
            f"ended: {ends}",
            f"faults: {faults or 'none'}",
            f"dead letters: {soaked.dead_letters}, redriven in {soaked.redrives} rounds",
            f"redriven executions: {soaked.executions}",
            *(f"WRONG: {each}" for each in soaked.wrong[:20]),
            "passed" if not soaked.wrong else f"failed: {len(soaked.wrong)} violations",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failing", type=float, default=0.1)
    parser.add_argument("--killed", type=float, default=0.01)
    parser.add_argument("--doubled", type=float, default=0.05)
    parser.add_argument("--conflicts", type=float, default=0.05)
    parser.add_argument("--outage", type=float, default=0.9)
    given = parser.parse_args()
    rates = {name: getattr(given, name) for name in ("failing", "killed", "doubled", "conflicts")}
    from app_assembly import app_assembly

    from millrace.local.cloud import LocalCloud
    from millrace.local.cloudformation.synthesis import synthesise

    out = ROOT / ".millrace" / "cdk.out"
    synthesise(ROOT, out)
    with LocalCloud(cache=ROOT / ".millrace", seed=given.seed) as cloud:
        cloud.deploy(out)
        cloud.deploy(app_assembly(deposits.APP, out))
        os.environ["AWS_ENDPOINT_URL"] = cloud.endpoint_url
        soaked = soak(cloud, given.orders, given.seed, rates, given.outage, bank=True)
    print(reject_lone_surrogates(soaked))  # noqa: T201
    return 1 if soaked.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
