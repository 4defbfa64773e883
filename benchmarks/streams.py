"""Measure a stream processor against a hand-written loop and Powertools' batch processor, and check its windows.

`python -m benchmarks.streams --readings 1000000`

All three get the same batches, as Lambda hands them over, and compute count, sum, minimum and maximum for each
sensor and five minutes. The loop and Powertools validate no reading, and keep no late or invalid record: they do less.
Figures are records a second of processor time. The windows are compared with DuckDB, digit by digit.
"""

import argparse
import base64
import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import duckdb
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from millrace.runtime import Reading, Window, stream_processor
from millrace.runtime.stream import handler as module
from millrace.runtime.stream.window_table import WindowTable

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, PER_DAY = 86_400, 1_000_000
BATCH, SENSORS, LATENESS, WIDTH = 1000, 20, 30, 300
ROUNDS = 3
"""The best round of each counts."""
TO_LOOP, TO_POWERTOOLS = 0.5, 1.0
"""The least ratios to the loop and to Powertools."""
Payload = dict[str, Any]


class Sensed(Reading, key="sensor", time="at"):
    sensor: str
    at: datetime
    celsius: float
    milli: int


WINDOWS: dict[tuple[str, int], tuple[Any, ...]] = {}
"""The windows that the stream processor has closed."""


@stream_processor(every=timedelta(seconds=WIDTH), lateness=timedelta(seconds=LATENESS))
def summed(window: Window[Sensed]) -> None:
    celsius, milli = window["celsius"], window["milli"]
    number = int((window.start - START).total_seconds()) // WIDTH
    WINDOWS[window.key, number] = (window.count, celsius.sum, milli.sum, milli.min, milli.max)


class MemoryTable:
    """The requests of a window table, in memory."""

    name = "windows"

    def __init__(self) -> None:
        self.items: dict[str, dict[int, Any]] = {}
        self.meta = SimpleNamespace(client=self)

    def batch_get_item(self, **request: Any) -> Any:
        keys = request["RequestItems"][self.name]["Keys"]
        found = [self.items.get(key["key"], {}).get(key["window"]) for key in keys]
        return {"Responses": {self.name: [each for each in found if each]}, "UnprocessedKeys": {}}

    def query(self, **request: Any) -> Any:
        of = self.items.get(request["ExpressionAttributeValues"][":key"], {})
        return {"Items": [item for _, item in sorted(of.items())]}

    def put_item(self, **request: Any) -> Any:
        item = request["Item"]
        of = self.items.setdefault(item["key"], {})
        if "open" in item:
            of[item["window"]] = item
        else:
            of.pop(item["window"], None)  # the bench puts no record twice
        return {}


def day(count: int, seed: int) -> list[tuple[float, str, float, int, float]]:
    """Return readings as (arrived, sensor, at, milli, celsius), in order of arrival; some are late.

    1,000,000 fill a day; fewer ones are its beginning.
    """
    draw, seconds = random.Random(seed), DAY * count / PER_DAY
    made = []
    for _ in range(count):
        at = round(draw.uniform(0, seconds), 3)
        celsius = round(draw.uniform(-30, 30), 2)
        arrived = round(at + draw.expovariate(1 / 5), 3)
        made.append((arrived, f"sensor-{draw.randrange(SENSORS)}", at, draw.randrange(-30_000, 30_000), celsius))
    return sorted(made)


def payloads(readings: list[tuple[float, str, float, int, float]]) -> Iterator[Payload]:
    """Yield the batches of a shard, each within one of Lambda's windows, and the end of each window."""
    batch: list[Payload] = []
    window = 0
    for position, (arrived, sensor, at, milli, celsius) in enumerate(readings):
        if arrived // WIDTH > window or len(batch) == BATCH:
            yield _payload(batch, window)
            batch = []
        while arrived // WIDTH > window:
            yield _payload([], window)
            window += 1
        data = {
            "sensor": sensor,
            "at": (START + timedelta(seconds=at)).isoformat(),
            "celsius": celsius,
            "milli": milli,
        }
        batch.append(_record(sensor, position, json.dumps(data).encode(), arrived))
    yield _payload(batch, window)
    for last in (window, window + 1, window + 2):
        ticks = [
            _record(f"sensor-{at}", len(readings) + at, b'{"millrace":"tick"}', last * WIDTH) for at in range(SENSORS)
        ]
        yield _payload(ticks, last)
        yield _payload([], last)


def _record(key: str, position: int, data: bytes, arrived: float) -> Payload:
    kinesis = {
        "partitionKey": key,
        "sequenceNumber": str(position),
        "data": base64.b64encode(data).decode(),
        "approximateArrivalTimestamp": START.timestamp() + arrived,
    }
    return {"eventID": f"shardId-0:{position}", "eventSource": "aws:kinesis", "kinesis": kinesis}


def _payload(records: list[Payload], window: int) -> Payload:
    end = (START + timedelta(seconds=WIDTH * (window + 1))).isoformat()
    return {
        "Records": records,
        "shardId": "shardId-0",
        "window": {"start": "", "end": end},
        "isFinalInvokeForWindow": not records,
        "isWindowTerminatedEarly": False,
    }


def ours(batches: list[Payload]) -> None:
    """Run the stream processor with a table in memory."""
    WINDOWS.clear()
    table = WindowTable(MemoryTable(), summed.frame.due)
    silent = SimpleNamespace(window_closed=lambda *_: None)
    fakes: dict[str, Any] = {
        "window_table": lambda _: table,
        "StreamProducer": lambda _: SimpleNamespace(tick=lambda _: None),
        "dead_letter": lambda *_: None,
        "observe": silent,
    }
    state: Any = {}
    with patch.multiple(module, **fakes), patch.dict(os.environ, MILLRACE_STREAM="bench", MILLRACE_SCOPE="bench"):
        for batch in batches:
            state = summed.invoked({**batch, "state": state})["state"]


class Loop:
    """A hand-written handler: JSON, a dictionary of sums, nothing checked."""

    def __init__(self) -> None:
        self.windows: dict[tuple[str, int], list[Any]] = {}

    def record(self, record: Any) -> None:
        data = record["kinesis"]
        reading = json.loads(base64.b64decode(data["data"]))
        if "sensor" not in reading:
            return
        at = datetime.fromisoformat(reading["at"]).timestamp()
        number = int(at // WIDTH)
        if data["approximateArrivalTimestamp"] >= (number + 1) * WIDTH + LATENESS:
            return
        slot = reading["sensor"], number
        window = self.windows.get(slot)
        celsius, milli = reading["celsius"], reading["milli"]
        if window is None:
            self.windows[slot] = [1, celsius, celsius, celsius, milli, milli, milli]
            return
        window[0] += 1
        window[1] += celsius
        window[2] = min(window[2], celsius)
        window[3] = max(window[3], celsius)
        window[4] += milli
        window[5] = min(window[5], milli)
        window[6] = max(window[6], milli)


def by_loop(batches: list[Payload]) -> None:
    """Call the hand-written handler for each record."""
    loop = Loop()
    for batch in batches:
        for record in batch["Records"]:
            loop.record(record)


def powertools(batches: list[Payload]) -> None:
    """The same loop, called by Powertools' batch processor."""
    loop = Loop()
    for batch in batches:
        if batch["Records"]:
            process_partial_response(
                event=batch,
                record_handler=lambda record: loop.record(record.raw_event),
                processor=BatchProcessor(EventType.KinesisDataStreams),
            )


def by_duckdb(readings: list[tuple[float, str, float, int, float]]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Compute the windows with DuckDB. Decimals of two digits as integers are exact."""
    connection = duckdb.connect()
    columns = list(zip(*readings, strict=True))
    names = ("arrived", "sensor", "taken", "milli", "celsius")
    given = {name: list(column) for name, column in zip(names, columns, strict=True)}
    rows = connection.execute(
        """select sensor, floor(taken / $width)::bigint as number, count(*), sum(milli)::bigint, min(milli),
                  max(milli), list(celsius)
           from (select unnest($arrived) arrived, unnest($sensor) sensor, unnest($taken) taken, unnest($milli) milli,
                        unnest($celsius) celsius)
           where arrived < floor(taken / $width) * $width + $width + $lateness group by all""",
        {**given, "lateness": LATENESS, "width": WIDTH},
    ).fetchall()
    return {(sensor, number): (n, _exact(values), *sums) for sensor, number, n, *sums, values in rows}


def _exact(values: list[float]) -> float:
    """Return the exact sum of floats, rounded once."""
    return float(sum(map(Fraction, values)))


def rate(run: Callable[[list[Payload]], Any], batches: list[Payload], count: int) -> float:
    """Return the records a second of processor time."""
    began = time.process_time()
    run(batches)
    return count / (time.process_time() - began)


def main(arguments: list[str] | None = None) -> int:
    """Print the rates and ratios. Returns 1 if windows differ or a ratio is too low."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--readings", type=int, default=PER_DAY)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    readings = day(given.readings, given.seed)
    batches = list(payloads(readings))
    gc.freeze()  # what a process of Lambda does not hold is not collected over and over
    runs = [[rate(run, batches, given.readings) for run in (by_loop, powertools, ours)] for _ in range(ROUNDS)]
    loop, tools, own = (max(rates) for rates in zip(*runs, strict=True))
    equal = by_duckdb(readings) == WINDOWS
    for name, figure in (("hand-written loop", loop), ("Powertools", tools), ("stream processor", own)):
        print(f"{name:20} {figure:>12,.0f} records/s")
    print(f"ratio to the loop {own / loop:.2f} (at least {TO_LOOP}), to Powertools {own / tools:.2f} (at least 1)")
    print(f"{len(WINDOWS):,} windows equal those of DuckDB: {'yes' if equal else 'no'}")
    return 0 if equal and own / loop >= TO_LOOP and own / tools >= TO_POWERTOOLS else 1


if __name__ == "__main__":
    sys.exit(main())
