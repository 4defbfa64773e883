"""AWS's public prices: on demand, us-east-1, without free tiers and discounts, in US dollars.

The one place where they stand. Each page is AWS's own, and counts where it says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

READ = "2026-11-27"
"""When they were last compared with what is published."""
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """What one unit costs, and the page that says so."""

    dollars: float
    unit: str
    page: str


PRICES: Mapping[str, Price] = {
    "events": Price(1.00 / 1e6, "event put, to each 64 KB", "https://aws.amazon.com/eventbridge/pricing/"),
    "archived": Price(0.10, "GB of events archived", "https://aws.amazon.com/eventbridge/pricing/"),
    "queue requests": Price(0.40 / 1e6, "request, to each 64 KB", "https://aws.amazon.com/sqs/pricing/"),
    "stream records": Price(
        0.014 / 1e6, "record, to each 25 KB", "https://aws.amazon.com/kinesis/data-streams/pricing/"
    ),
    "invocations": Price(0.20 / 1e6, "invocation", "https://aws.amazon.com/lambda/pricing/"),
    "arm64 time": Price(0.0000133334, "GB-second on arm64", "https://aws.amazon.com/lambda/pricing/"),
    "x86_64 time": Price(0.0000166667, "GB-second on x86_64", "https://aws.amazon.com/lambda/pricing/"),
    "transitions": Price(0.025 / 1e3, "state transition", "https://aws.amazon.com/step-functions/pricing/"),
    "table writes": Price(0.625 / 1e6, "write of 1 KB", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "logged": Price(0.50, "GB of logs taken in", "https://aws.amazon.com/cloudwatch/pricing/"),
}
"""What is counted, by the name under which it is. A delivery by a rule in the same account costs nothing."""


def dollars(amounts: Mapping[str, float]) -> float:
    """What amounts of units cost together; what has no price is free."""
    return sum(PRICES[unit].dollars * amount for unit, amount in amounts.items() if unit in PRICES)
