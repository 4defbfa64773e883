"""Estimates what one reading of a stream processor causes at a rate: batches and windows are shared by many readings.

The estimate is an upper bound: each key has readings in each window, each window publishes each event that its function
declares, and no item of a window exceeds 1 KB.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.flow.cost import RECORD_UNIT_BYTES, Amounts, Assumptions, caused_by, invocation, total
from millrace.flow.findings import System
from millrace.flow.graph import Node
from millrace.flow.scaling import shards

_LEAST_SECONDS_OF_A_POLL = 1
"""Lambda polls a shard once a second. https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
_KAFKA_BATCH_SECONDS = 0.5
"""https://docs.aws.amazon.com/lambda/latest/dg/kafka-esm-parameters.html"""
_WRITES_OF_A_WINDOW = 3
"""Of a window: the entry in the index of open windows, closing the window, and deleting the entry."""


def caused_by_reading(system: System, processor: Node, rate: float, assumptions: Assumptions | None = None) -> Amounts:
    """The amounts that one reading causes at most, at a rate of readings a second. Raises CyclicFlowError."""
    assumed = assumptions or Assumptions()
    source = _Source.of(system, processor)
    load = _Load(rate, min(assumed.keys, rate * source.every), assumed.event_bytes)
    windows = load.keys / source.every
    writes = source.merges(load) + _WRITES_OF_A_WINDOW * windows
    by_second = [
        {"stream records": source.records(load), "table writes": writes},
        _times(invocation(processor, assumed), source.invocations(load)),
        *(_times(caused_by(system, event, assumed), windows) for event in processor.publishes),
    ]
    return _times(total(by_second), 1 / rate)


@dataclass(frozen=True)
class _Load:
    """Readings a second, the keys that have one in a window, and the bytes of a reading."""

    rate: float
    keys: float
    size: int


@dataclass(frozen=True)
class _Source:
    """The event source mapping of a stream processor; times in seconds. `tumbling` is 0 for Kafka."""

    every: float
    lateness: float
    batch: int
    tumbling: float
    wait: float
    parallel: int

    @classmethod
    def of(cls, system: System, processor: Node) -> "_Source":
        """The settings in the template."""
        (mapping,) = (
            each.properties
            for each in system.assembly.of("Lambda::EventSourceMapping")
            if system.assembly.named(each.properties["FunctionName"], each) == processor.resource
        )
        window: Mapping[str, Any] = processor.facts["window"]
        tumbling = mapping.get("TumblingWindowInSeconds", 0)
        least = _LEAST_SECONDS_OF_A_POLL if tumbling else _KAFKA_BATCH_SECONDS
        return cls(
            window["every"],
            window["lateness"],
            mapping["BatchSize"],
            tumbling,
            max(least, mapping.get("MaximumBatchingWindowInSeconds", 0)),
            mapping.get("ParallelizationFactor", 1),
        )

    def records(self, load: _Load) -> float:
        """Billed records of Kinesis a second. Each key has a tick at each end of Lambda's window."""
        if not self.tumbling:
            return 0
        return load.rate * math.ceil(load.size / RECORD_UNIT_BYTES) + load.keys / self.tumbling

    def invocations(self, load: _Load) -> float:
        """A second: batches, which are full or as old as they may be, and the ends of Lambda's windows."""
        workers = shards(load.rate, load.size) * self.parallel
        batches = min(load.rate, max(workers / self.wait, load.rate / self.batch))
        return batches + (workers / self.tumbling if self.tumbling else 0)

    def merges(self, load: _Load) -> float:
        """Parts of windows a second that are written to the table."""
        if not self.tumbling:
            return min(load.rate, self.invocations(load) * load.keys)
        windows = math.ceil(self.tumbling / self.every) + math.ceil(self.lateness / self.every)
        return min(load.rate, load.keys * windows / self.tumbling)


def _times(amounts: Amounts, factor: float) -> Amounts:
    return {unit: amount * factor for unit, amount in amounts.items()}
