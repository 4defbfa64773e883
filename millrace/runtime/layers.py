"""The Lambda architecture: an archive of events, views of it by batches, and views of what no batch has covered yet.

Each event belongs to one generation, which it gets when it is first recorded. A batch run closes the current
generation, waits until no writer can still write to it (longer than their timeout), and computes its views from all
closed ones. Publishing the run moves one pointer: from then on a query adds only the speed views of later generations.
So a hand-over neither counts an event twice nor misses it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from millrace.runtime.dynamodb import transact
from millrace.runtime.stores import write_if

Amounts = dict[str, int]
"""Totals of a view, such as `{"orders": 3, "cents": 12900}`."""
_STATE = {"id": "$state"}
_FIRST = 1


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
        found = self.objects.list_objects_v2(Bucket=self.bucket, Prefix=_key(day, generation, event_id), MaxKeys=1)
        return bool(found.get("KeyCount"))

    def keys(self, until: int, day: str = "") -> Iterator[str]:
        """Yield the keys of all generations until one, of all days or of one."""
        more: dict[str, Any] = {}
        while True:
            prefix = f"day={day}/" if day else "day="
            page = self.objects.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **more)
            for found in page.get("Contents", ()):
                if _generation(found["Key"]) <= until:
                    yield found["Key"]
            if not page.get("NextContinuationToken"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, keys: Iterable[str]) -> Iterator[bytes]:
        """Yield the JSON of events."""
        return (self.objects.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys)


class Views:
    """The table of the pointer, of the speed views by generation and day, and of the batch views by run and day."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @property
    def _pointer(self) -> dict[str, int]:
        item = self._table.get_item(Key=_STATE, ConsistentRead=True).get("Item", {})
        first = {"current": _FIRST, "covered": 0, "run": 0}
        return {name: int(item.get(name, default)) for name, default in first.items()}

    def record(self, archive: Archive, event_id: str, day: str, data: Mapping[str, Any], amounts: Amounts) -> None:
        """Archive an event, and count it in the speed view of its generation. Recording it again changes nothing."""
        generation = self._assign(archive, event_id, day)
        archive.put(day, generation, event_id, data)
        mark = {"id": f"counted#{event_id}"}
        added = ", ".join(f"#{name} :{name}" for name in amounts)
        update = {
            "Key": {"id": f"speed#{day}#{generation:06}"},
            "UpdateExpression": f"ADD {added}",
            "ExpressionAttributeNames": {f"#{name}": name for name in amounts},
            "ExpressionAttributeValues": {f":{name}": amount for name, amount in amounts.items()},
        }
        once = {"Item": mark, "ConditionExpression": "attribute_not_exists(id)"}
        transact(self._table.meta.client, [(self._table.name, {"Put": once}), (self._table.name, {"Update": update})])

    def close(self) -> int:
        """Close the current generation, and return it. Wait longer than the writers' timeout before you list it."""
        update = "SET #current = if_not_exists(#current, :first) + :one"
        answer = self._table.update_item(
            Key=_STATE,
            UpdateExpression=update,
            ExpressionAttributeNames={"#current": "current"},
            ExpressionAttributeValues={":first": _FIRST, ":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["current"]) - 1

    def store(self, run: int, day: str, amounts: Amounts) -> None:
        """Store the batch view of a day. A query does not see it before the run is published."""
        self._table.put_item(Item={"id": f"batch#{run:06}#{day}", **amounts})

    def publish(self, run: int) -> bool:
        """Let queries use the views of a run, which is the generation that it closed. False if a later one is used."""
        written = write_if(
            self._table.update_item,
            Key=_STATE,
            UpdateExpression="SET covered = :run, #run = :run",
            ConditionExpression="attribute_not_exists(covered) OR covered < :run",
            ExpressionAttributeNames={"#run": "run"},
            ExpressionAttributeValues={":run": run},
        )
        return written is not None

    def of_day(self, day: str) -> Amounts:
        """Return the totals of a day: the batch view of the published run, and the speed views after it."""
        pointer = self._pointer
        keys = [f"batch#{pointer['run']:06}#{day}"]
        keys += [f"speed#{day}#{each:06}" for each in range(pointer["covered"] + 1, pointer["current"] + 1)]
        total: Amounts = {}
        for key in keys:
            item = self._table.get_item(Key={"id": key}, ConsistentRead=True).get("Item", {})
            for name, amount in item.items():
                if name != "id":
                    total[name] = total.get(name, 0) + int(amount)
        return total

    def _assign(self, archive: Archive, event_id: str, day: str) -> int:
        """Return the generation of an event: its own, unless that is closed without the event."""
        current = self._pointer["current"]
        item = {"id": f"event#{event_id}", "generation": current}
        if write_if(self._table.put_item, Item=item, ConditionExpression="attribute_not_exists(id)") is not None:
            return current
        own = int(self._table.get_item(Key={"id": item["id"]}, ConsistentRead=True)["Item"]["generation"])
        if own == current or archive.has(day, own, event_id):
            return own
        moved = {"ConditionExpression": "generation = :own", "ExpressionAttributeValues": {":own": own}}
        if write_if(self._table.put_item, Item=item, **moved) is None:
            return self._assign(archive, event_id, day)
        return current


def _key(day: str, generation: int, event_id: str) -> str:
    return f"day={day}/generation={generation:06}/{event_id}.json"


def _generation(key: str) -> int:
    return int(key.split("generation=")[1][:6])
