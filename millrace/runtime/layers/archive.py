"""The archive of the batch layer: events in a bucket, partitioned by day."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

_DAY = "day="
_READERS = 10
"""Concurrent reads; the default of botocore's connection pool."""


class Objects(Protocol):
    """The methods of the boto3 client `s3` that an archive calls."""

    def put_object(self, **request: Any) -> Any:
        """As boto3's."""

    def get_object(self, **request: Any) -> Any:
        """As boto3's."""

    def list_objects_v2(self, **request: Any) -> Any:
        """As boto3's."""


@dataclass(frozen=True)
class Archive:
    """Events in a bucket, one object each, partitioned by day and generation. Objects are never changed.

    `day=2026-03-01/generation=000001/<event id>.json`, so Athena and DuckDB read days and generations as columns.
    """

    objects: Objects
    bucket: str

    def put(self, day: str, generation: int, event_id: str, data: Mapping[str, Any]) -> None:
        """Store an event. Storing it again writes the same object."""
        body = json.dumps({"event_id": event_id, **data}, sort_keys=True).encode()
        self.objects.put_object(Bucket=self.bucket, Key=_key(day, generation, event_id), Body=body)

    def has(self, day: str, generation: int, event_id: str) -> bool:
        """Whether a generation contains an event. S3 lists an object as soon as it is stored."""
        key = _key(day, generation, event_id)
        return any(found["Key"] == key for page in self._pages(Prefix=key) for found in page.get("Contents", ()))

    def days(self) -> list[str]:
        """Return the days that have events, in order."""
        pages = self._pages(Prefix=_DAY, Delimiter="/")
        return [found["Prefix"][len(_DAY) : -1] for page in pages for found in page.get("CommonPrefixes", ())]

    def keys(self, day: str, until: int) -> list[str]:
        """Return the keys of a day's events of all generations until one; of an event that has several, the first."""
        found: dict[str, str] = {}
        for page in self._pages(Prefix=f"{_DAY}{day}/"):
            for each in page.get("Contents", ()):
                _, generation, name = each["Key"].split("/")
                if int(generation.partition("=")[2]) <= until:
                    found.setdefault(name, each["Key"])
        return list(found.values())

    def copy(self, keys: list[str], file: Path) -> None:
        """Write events to a file, as JSON lines."""
        with ThreadPoolExecutor(_READERS) as readers, file.open("wb") as lines:
            for body in readers.map(self._read, keys):
                lines.write(body + b"\n")

    def _read(self, key: str) -> bytes:
        body: bytes = self.objects.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        more: dict[str, Any] = {}
        while True:
            page = self.objects.list_objects_v2(Bucket=self.bucket, **request, **more)
            yield page
            if not page.get("NextContinuationToken"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}


def _key(day: str, generation: int, event_id: str) -> str:
    return f"{_DAY}{day}/generation={generation:06}/{quote(event_id, safe='')}.json"
