"""Helpers for tests of streams: a table in memory, and the calls that Lambda makes for a shard."""

import base64
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from millrace.events import Event
from millrace.runtime import Reading, Window, stream_processor
from millrace.runtime.stream.handler import WindowFailedError
from millrace.runtime.stream.records import TICK

START = datetime(2026, 3, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sensed(Reading, key="sensor", time="at"):
    sensor: str
    at: datetime
    celsius: float
    alarm: bool = False
    milli: int | None = None


class SensedOnce(Sensed, key="sensor", time="at", id="number"):
    number: int


class Summed(Event, source="test.stream"):
    sensor: str
    start: str
    count: int
    total: float
    alarms: int
    milli: int


def summed(window: Window[Sensed]) -> Summed | None:
    totals = window["celsius"].sum, window["alarm"].sum, window["milli"].sum or 0
    return Summed(
        sensor=window.key,
        start=window.start.isoformat(),
        count=window.count,
        total=totals[0],
        alarms=int(totals[1]),
        milli=totals[2],
    )


def once(window: Window[SensedOnce]) -> Summed | None:
    return summed(window)


def processor(function=summed, *, every=60, lateness=0, **more):
    return stream_processor(every=timedelta(seconds=every), lateness=timedelta(seconds=lateness), **more)(function)


class MemoryTable:
    """A DynamoDB table in memory, for the requests of WindowTable."""

    name = "windows"

    def __init__(self):
        self.items = {}
        self.meta = SimpleNamespace(client=self)

    def batch_get_item(self, **request):
        keys = [(key["key"], key["window"]) for key in request["RequestItems"][self.name]["Keys"]]
        return {"Responses": {self.name: [self.items[k] for k in keys if k in self.items]}, "UnprocessedKeys": {}}

    def query(self, **request):
        wanted = request["ExpressionAttributeValues"][":key"]
        found = [item for (key, _), item in sorted(self.items.items()) if key == wanted and "open" in item]
        return {"Items": [{"key": wanted, "window": item["window"], "open": item["open"]} for item in found]}

    def put_item(self, **request):
        item = request["Item"]
        before = self.items.get((item["key"], item["window"]), {}).get("version", 0)
        assert before == request.get("ExpressionAttributeValues", {}).get(":version", 0)
        self.items[item["key"], item["window"]] = item
        return {}


class Lambda:
    """Invokes a stream processor with the records of shards, as Lambda does. Time is in seconds from START.

    `batch_size` records make a batch; `width` is the width of Lambda's windows; `crash(call)` makes an invocation fail
    after it has run, so that it is repeated. State above `max_state` bytes ends the window early. A batch that fails is
    repeated `retries` times, and then discarded with the state.
    """

    def __init__(
        self, processor, monkeypatch, *, batch_size=100, width=60, crash=lambda _: False, max_state=2**20, retries=0
    ):
        self.processor = processor
        self.batch_size = batch_size
        self.width = width
        self.crash = crash
        self.max_state = max_state
        self.retries = retries
        self.ended_early = 0
        self.calls = 0
        self.table = MemoryTable()
        self.published = []
        self.refused = []
        self.ticks = []
        from millrace.runtime.stream import handler as module
        from millrace.runtime.stream.window_table import WindowTable

        publisher = SimpleNamespace(publish=self.published.extend)
        producer = SimpleNamespace(tick=self.ticks.extend)
        monkeypatch.setattr(module, "window_table", lambda _: WindowTable(self.table, processor.frame.due))
        monkeypatch.setattr(module, "publisher", lambda: publisher)
        monkeypatch.setattr(module, "StreamProducer", lambda _: producer)
        monkeypatch.setattr(module, "dead_letter", lambda body, _, error: self.refused.append((body, error)))
        monkeypatch.setattr(module.observe, "window_closed", lambda *_: None)
        monkeypatch.setenv("MILLRACE_STREAM", "readings")
        monkeypatch.setenv("MILLRACE_SCOPE", "test")

    def shard(self, records, name="shardId-0", first=1):
        """Process records, `(arrival, key, data)`, in the order of arrival, then the ticks, until none comes."""
        pending = [record(arrived, key, data, first + at, name) for at, (arrived, key, data) in enumerate(records)]
        while pending:
            end = self._end(pending[0])
            batch = [each for each in pending if self._end(each) == end]
            pending = pending[len(batch) :]
            self._window(batch, name, end)
            position = first + len(records) + self.calls * 10_000
            new = [record(end - START.timestamp(), key, TICK, position + at, name) for at, key in enumerate(self.ticks)]
            self.ticks.clear()
            pending = sorted([*pending, *new], key=lambda each: each["kinesis"]["approximateArrivalTimestamp"])

    def _end(self, one):
        return (one["kinesis"]["approximateArrivalTimestamp"] // self.width + 1) * self.width

    def _window(self, records, name, end):
        state = {}
        for at in range(0, len(records), self.batch_size):
            state = self._invoke(records[at : at + self.batch_size], state, name, end)
            if len(json.dumps(state)) > self.max_state:
                self.ended_early += 1
                state = self._invoke([], state, name, end, early=True)
        self._invoke([], state, name, end, final=True)

    def _invoke(self, records, state, name, end, *, final=False, early=False):
        self.calls += 1
        payload = {
            "Records": records,
            "state": json.loads(json.dumps(state)),
            "shardId": name,
            "window": {"start": _iso(end - self.width), "end": _iso(end)},
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": early,
        }
        for attempt in range(self.retries + 1):
            try:
                answer = self.processor(payload, None)
                break
            except WindowFailedError:
                if attempt == self.retries:
                    return {}
        if self.crash(self.calls):
            return self._invoke(records, state, name, end, final=final, early=early)
        return json.loads(json.dumps(answer["state"]))

    def results(self):
        """Return the last event of each id, as (sensor, start): data."""
        events = {each["detail"]["metadata"]["event_id"]: each["detail"]["data"] for each in self.published}
        return {(data["sensor"], data["start"]): data for data in events.values()}


def record(arrived, key, data, position, shard):
    return {
        "eventID": f"{shard}:{position}",
        "kinesis": {
            "partitionKey": key,
            "sequenceNumber": str(position),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": START.timestamp() + arrived,
        },
    }


def reading(sensor, at, celsius, **more):
    """Return the JSON of a reading that was taken `at` seconds after START."""
    time = (START + timedelta(seconds=at)).isoformat()
    return json.dumps({"sensor": sensor, "at": time, "celsius": celsius, **more}).encode()


def expected(records, *, every=60, lateness=0, unique=False):
    """Return the windows of records by an independent computation with exact fractions."""
    from fractions import Fraction

    seen, found = set(), defaultdict(lambda: [0, Fraction(0), 0, 0])
    for arrived, _, data in records:
        if data == TICK:
            continue
        one = json.loads(data)
        at = (datetime.fromisoformat(one["at"]) - EPOCH).total_seconds()
        start = at // every * every
        mark = (one["sensor"], start, one.get("number"))
        if START.timestamp() + arrived >= start + every + lateness or (unique and mark in seen):
            continue
        seen.add(mark)
        slot = found[one["sensor"], (EPOCH + timedelta(seconds=start)).isoformat()]
        slot[0] += 1
        slot[1] += Fraction(one["celsius"])
        slot[2] += one.get("alarm", False)
        slot[3] += one.get("milli") or 0
    return {slot: (n, float(total), alarms, milli) for slot, (n, total, alarms, milli) in found.items()}


def answers(lambda_):
    """Return the published windows in the form of `expected`."""
    return {
        slot: (data["count"], data["total"], data["alarms"], data["milli"]) for slot, data in lambda_.results().items()
    }


def _iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
