"""Computes at which rate of events a flow meets AWS's quotas, how many cells it then needs, and what a month costs.

A cell is a stack in its own account for a range of keys. Quotas are the defaults in us-east-1; most can be raised.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from millrace.flow.cost import Assumptions, dollars

SECONDS_OF_A_MONTH = 30 * 86_400
RATES = (10, 1_000, 100_000, 10_000_000)
"""Events a second of docs/scaling.md."""
SHARD_RECORDS, SHARD_BYTES = 1_000, 1_000_000
"""A second into one shard. https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""


@dataclass(frozen=True)
class Quota:
    """A quota of an account in a region, and AWS's page."""

    name: str
    limit: float
    unit: str
    page: str


QUOTAS: Mapping[str, Quota] = {
    "events": Quota(
        "EventBridge PutEvents",
        10_000,
        "a second",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
    ),
    "deliveries": Quota(
        "EventBridge invocations",
        18_750,
        "a second",
        "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html",
    ),
    "concurrency": Quota(
        "Lambda concurrent executions",
        1_000,
        "at once",
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    ),
    "shards": Quota(
        "Kinesis shards",
        20_000,
        "shards",
        "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html",
    ),
    "table writes": Quota(
        "DynamoDB write units of a table",
        40_000,
        "a second",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html",
    ),
    "executions": Quota(
        "Step Functions StartExecution",
        300,
        "a second",
        "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html",
    ),
    "transitions": Quota(
        "Step Functions state transitions",
        5_000,
        "a second",
        "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html",
    ),
}
"""By the unit of cost that they limit. All writes count as those of one table, which is the upper bound. Executions are
those of Standard workflows; the quota is the rate that lasts, after a burst of 1,300."""


@dataclass(frozen=True)
class Use:
    """How much of a quota a rate of events uses."""

    quota: Quota
    used: float

    @property
    def share(self) -> float:
        """The used part; above 1 one account is too small."""
        return self.used / self.quota.limit


@dataclass(frozen=True)
class Scale:
    """A flow at a rate: the use of each quota, the highest share first, and the price of a month."""

    rate: float
    uses: tuple[Use, ...]
    dollars_a_month: float

    @property
    def cells(self) -> int:
        """The number of accounts that are needed with the default quotas, each at most full."""
        return max(1, math.ceil(max((use.share for use in self.uses), default=0)))


def scale(amounts: Mapping[str, float], rate: float, assumptions: Assumptions | None = None) -> Scale:
    """Return a flow at a rate of events a second. `amounts` are those that one event causes, by millrace.flow.cost."""
    assumed = assumptions or Assumptions()
    counted = ("events", "deliveries", "table writes", "executions", "transitions")
    used = {unit: amounts.get(unit, 0) * rate for unit in counted}
    used["shards"] = shards(amounts.get("stream records", 0) * rate, assumed.event_bytes)
    busy = amounts.get("invocations", 0) * rate * assumed.milliseconds / 1000
    used["concurrency"] = max(busy, used["shards"])  # the shards of a stream end their windows at the same time
    uses = sorted((Use(QUOTAS[unit], amount) for unit, amount in used.items() if amount), key=lambda use: -use.share)
    month = dollars(amounts) * rate * SECONDS_OF_A_MONTH
    return Scale(rate, tuple(uses), month + dollars({"shard hours": used["shards"] * SECONDS_OF_A_MONTH / 3600}))


def shards(records: float, size: int) -> int:
    """Return the shards that a rate of records of a size in bytes needs."""
    return math.ceil(max(records / SHARD_RECORDS, records * size / SHARD_BYTES))
