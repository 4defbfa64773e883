"""Orders through the shop while functions fail, crash, are called twice and conflict: `python tests/soak.py`.

Each order ends completed or rejected, stock and payments add up to the unit, and what failed for good is in a
dead-letter queue and leaves it by redrive. In waves, so that the cloud's journal holds each of them whole; the first
orders of each meet an outage of one function, which is over when the dead letters are given back. With each order, a
bank whose functions take lists receives a deposit, and counts it once.
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
from carrier import Carrier, refusal_reason  # noqa: E402 - the same

WAVE = 500
PLENTY = 1_000_000
PRICE, DEAR = 250, 60_000
ENDS = ("OrderCompleted", "OrderRejected")
REDRIVES = 10
OUTAGES = ("award_points", "charge_payment", "complete_order", "arrange_shipping", "rate_credit", "reserve_stock")
"""A processor behind a queue, one that its rule calls, and steps of the saga."""


@dataclass
class Soaked:
    """What became of the orders, and what is wrong with it."""

    orders: int
    seed: int
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    redrives: int = 0
    executions: int = 0
    wrong: list[str] = field(default_factory=list)


def soak(
    cloud: Any, orders: int, seed: int, rates: dict[str, float], outage: float = 0.0, *, bank: bool = False
) -> Soaked:
    """Put that many orders into a cloud with the shop in it. `outage` is how much of the calls that meets it fails.

    With `bank`, the cloud has the bank, too.
    """
    outages = (*OUTAGES, *deposits.FUNCTIONS) if bank else OUTAGES
    soaked, began = Soaked(orders, seed), time.monotonic()
    before = dict(cloud.region.faults.drawn)
    stock(cloud)
    sold = Counter[str]()
    with Carrier(cloud.client, refusal_reason):
        for first in range(0, orders, WAVE):
            numbers = range(first, min(first + WAVE, orders))
            unlucky = numbers[: len(numbers) // 10]
            cloud.fail(outages[first // WAVE % len(outages)], seed=seed + first, failing=outage)
            flows = placed(cloud, unlucky, bank=bank)
            cloud.fail(seed=seed + first, **rates)
            flows |= placed(cloud, numbers[len(unlucky) :], bank=bank)
            cloud.fail(seed=0)
            redrive(cloud, soaked, bank=bank)
            sold.update(ended(cloud, soaked, flows))
            tell(numbers.stop, soaked, time.monotonic() - began)
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


def placed(cloud: Any, numbers: Iterable[int], *, bank: bool) -> dict[int, str]:
    """Place orders, and wait until nothing moves any more. Gives the correlation id of each."""
    if bank:
        deposits.deposit(cloud, numbers)
    flows = {number: place(cloud, number) for number in numbers}
    cloud.settle(3600)
    return flows


def place(cloud: Any, number: int) -> str:
    """Of ten orders one is too dear, one goes where nobody delivers, and the others end well."""
    from functions.contracts.orders import Address, Line, PlaceOrder

    price = DEAR if number % 10 == 3 else PRICE
    country = "AQ" if number % 10 == 7 else "DE"
    address = Address(name="A", street="B", city="C", country=country)
    lines = (Line(sku="cup", quantity=1 + number % 3, unit_price_cents=price),)
    if number % 10 == 3:
        lines = (Line(sku="cup", quantity=2, unit_price_cents=DEAR),)
    order = PlaceOrder(
        order_id=f"soak-{number}", customer_id=f"customer-{number % 50}", lines=lines, card="tok", address=address
    )
    return str(cloud.put(order, bus="shop").correlation_id)


def tell(done: int, soaked: Soaked, seconds: float) -> None:
    """How far it is, where a person looks while it runs."""
    left = seconds / done * (soaked.orders - done)
    ends = ", ".join(f"{count:,} {name}" for name, count in soaked.ends.most_common())
    told = f"{done:,} of {soaked.orders:,} orders: {ends}; {soaked.letters} letters; {len(soaked.wrong)} wrong; "
    print(f"{told}{seconds:.0f} s, {left:.0f} s to go", file=sys.stderr, flush=True)  # noqa: T201


def redrive(cloud: Any, soaked: Soaked, *, bank: bool) -> None:
    """Give back every dead letter, until there is none: what a letter leads to may fail for good, too."""
    from millrace.cli import main

    for _ in range(REDRIVES):
        letters = sum(1 for _ in waiting(cloud, dead=True))
        if not letters:
            return
        soaked.letters += letters
        soaked.redrives += 1
        with redirect_stdout(StringIO()):
            main(["dlq", "redrive", "--all"])
        if bank:
            deposits.redrive()
        cloud.settle(3600)
    soaked.wrong.append(f"dead letters are left after {REDRIVES} redrives")


def ended(cloud: Any, soaked: Soaked, flows: dict[int, str]) -> Counter[str]:
    """How each order ended, and what the completed ones took."""
    sold: Counter[str] = Counter()
    for number, flow in flows.items():
        ends = [name for name in cloud.trace(flow).names() if name in ENDS]
        wanted = ENDS[1] if number % 10 in (3, 7) else ENDS[0]
        soaked.ends[ends[0] if len(ends) == 1 else "neither or both"] += 1
        if len(ends) != 1:
            soaked.wrong.append(f"soak-{number} ended as {ends or 'nothing'}")
        elif ends == [ENDS[0]] != [wanted]:
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
        answer = cloud.resource("dynamodb").Table(table).scan(**more)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return found
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def in_flight(cloud: Any) -> Iterator[str]:
    yield from (f"a message waits in {url}" for url in waiting(cloud, dead=False))
    machines = cloud.client("stepfunctions")
    for machine in machines.list_state_machines()["stateMachines"]:
        arn = machine["stateMachineArn"]
        for status in ("RUNNING", "FAILED", "TIMED_OUT", "ABORTED"):
            if machines.list_executions(stateMachineArn=arn, statusFilter=status)["executions"]:
                yield f"executions of {machine['name']} are {status}"


def redriven(cloud: Any) -> int:
    """How many executions of the orders were redriven, which have gone on where they failed."""
    runs = cloud.on_loop(cloud.region.service(StepFunctions).all_executions)
    return sum(1 for run in runs if run.redrives)


def waiting(cloud: Any, *, dead: bool) -> Iterator[str]:
    """The queue of each message that waits, or is under way."""
    sqs = cloud.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        if dead == ("DeadLetters" in url):
            told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            kinds = ("", "NotVisible", "Delayed")
            yield from [url] * sum(int(told[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)


def as_text(soaked: Soaked) -> str:
    ends = ", ".join(f"{count} {name}" for name, count in soaked.ends.most_common())
    faults = ", ".join(f"{count} {name}" for name, count in soaked.faults.most_common())
    return "\n".join(
        [
            f"{soaked.orders:,} orders, seed {soaked.seed}, in {soaked.seconds:.0f} s",
            f"ended: {ends}",
            f"faults: {faults or 'none'}",
            f"dead letters: {soaked.letters}, all given back in {soaked.redrives} redrives",
            f"executions that went on where they failed: {soaked.executions}",
            *(f"WRONG: {each}" for each in soaked.wrong[:20]),
            "holds" if not soaked.wrong else f"{len(soaked.wrong)} things are wrong",
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
    print(as_text(soaked))  # noqa: T201 - figures are what it is run for
    return 1 if soaked.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
