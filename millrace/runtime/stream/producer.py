"""Put records into a Kinesis stream in batches, and send only refused records again.

https://docs.aws.amazon.com/streams/latest/dev/developing-producers-with-sdk.html
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from millrace.runtime.environment import client
from millrace.runtime.stream.readings import Reading
from millrace.runtime.stream.records import TICK

MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5 * 1024 * 1024
"""Of one call. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
STREAM = "MILLRACE_STREAM"
"""The environment variable with the name of the stream of a processor."""
Entry = dict[str, Any]


class PutRecordsError(RuntimeError):
    """Kinesis refused records, also after retries. `refused` contains (entry, code, message)."""

    def __init__(self, refused: list[tuple[Entry, str, str]]) -> None:
        self.refused = refused
        codes = ", ".join(sorted({code for _, code, _ in refused}))
        super().__init__(f"Kinesis refused {len(refused)} record(s) after all attempts: {codes}. Put them again later.")


class StreamProducer:
    """Puts readings into a stream with their key as partition key, at most 500 and 5 MiB in a call.

    Refused records are sent again after `pause` x 2^n seconds, or down to half of that. Records of one key can change
    their order when one of them is refused; windows do not depend on the order.
    """

    def __init__(
        self,
        stream: str,
        *,
        kinesis: Any = None,
        attempts: int = 8,
        pause: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stream = stream
        self._kinesis = kinesis
        self._attempts = attempts
        self._pause = pause
        self._sleep = sleep

    def put(self, readings: Iterable[Reading]) -> int:
        """Put readings as JSON. Returns their number. Raises PutRecordsError with those that were refused."""
        entries = ({"PartitionKey": getattr(r, r.key_field), "Data": r.model_dump_json().encode()} for r in readings)
        return self.put_entries(entries)

    def put_lines(self, key: str, lines: Iterable[str]) -> int:
        """Put raw lines with one partition key."""
        return self.put_entries({"PartitionKey": key, "Data": line.encode()} for line in lines)

    def tick(self, keys: Iterable[str]) -> None:
        """Put a record for each key that lets its windows close."""
        self.put_entries({"PartitionKey": key, "Data": TICK} for key in keys)

    def put_entries(self, entries: Iterable[Entry]) -> int:
        """Put entries of PutRecords, in as many calls as they need."""
        count, refused = 0, []
        for call in _calls(entries):
            count += len(call)
            refused += self._put(call)
        if refused:
            raise PutRecordsError(refused)
        return count

    def _put(self, entries: list[Entry]) -> list[tuple[Entry, str, str]]:
        refused: list[tuple[Entry, str, str]] = []
        for attempt in range(self._attempts):
            refused = self._put_once(entries)
            if not refused or attempt + 1 == self._attempts:
                break
            entries = [entry for entry, _, _ in refused]
            self._sleep(self._pause * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
        return refused

    def _put_once(self, entries: list[Entry]) -> list[tuple[Entry, str, str]]:
        response = (self._kinesis or client("kinesis")).put_records(StreamName=self._stream, Records=entries)
        if not response["FailedRecordCount"]:
            return []
        return [
            (entry, result["ErrorCode"], result.get("ErrorMessage", ""))
            for entry, result in zip(entries, response["Records"], strict=True)
            if result.get("ErrorCode")
        ]


def _calls(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    call: list[Entry] = []
    size = 0
    for entry in entries:
        more = len(entry["Data"]) + len(entry["PartitionKey"].encode())
        if call and (len(call) == MAX_RECORDS or size + more > MAX_REQUEST_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += more
    if call:
        yield call
