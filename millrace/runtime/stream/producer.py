"""Put records into a Kinesis stream in batches, and send only refused records again.

https://docs.aws.amazon.com/streams/latest/dev/developing-producers-with-sdk.html
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from millrace.runtime.entries import EntrySender, Refused
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

    def __init__(self, refused: Refused[Entry]) -> None:
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
        self._sender: EntrySender[Entry] = EntrySender(
            send=self._put_records,
            size=lambda entry: len(entry["Data"]) + len(entry["PartitionKey"].encode()),
            max_entries=MAX_RECORDS,
            max_bytes=MAX_REQUEST_BYTES,
            attempts=attempts,
            pause=pause,
            sleep=sleep,
        )

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
        count, refused = self._sender.put(entries)
        if refused:
            raise PutRecordsError(refused)
        return count

    def _put_records(self, entries: list[Entry]) -> list[Any]:
        kinesis = self._kinesis or client("kinesis")
        return cast("list[Any]", kinesis.put_records(StreamName=self._stream, Records=entries)["Records"])
