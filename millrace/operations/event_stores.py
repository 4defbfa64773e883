"""Restore an event store from a table of DynamoDB's point-in-time recovery, and erase sensitive values of its streams.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html
"""

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from boto3.dynamodb.table import BatchWriter

from millrace.events import Catalog, ContractError, Envelope, UnknownEventError, encode
from millrace.events.claims import Claims, claim_folder
from millrace.events.sensitive import masked
from millrace.operations import UsageError
from millrace.operations.deployed import DeployedStacks

_KEY = ("stream", "version")
_PENDING = "pending"
"""The start of `log` in events that the relay has not published."""
Item = dict[str, Any]


class EventStoreTable:
    """The table of a deployed event store, called by the id of its construct."""

    def __init__(self, deployed: DeployedStacks, store: str) -> None:
        self._client = deployed.cloud.client("dynamodb")
        self._cloud = deployed.cloud
        path = _path(deployed, store)
        self.name = self._resources(deployed, "DynamoDB::Table", f"{path}/Table")[0]
        self._bucket = next(iter(self._resources(deployed, "S3::Bucket", f"{path}/Data")), None)

    def replace_items(self, restored: str) -> dict[str, int]:
        """Delete all items, and copy those of a restored table. A second call continues after an interruption.

        The position of the last event is copied before pending events: the relay gives them the positions after it.
        """
        self._check(restored)
        return {
            "deleted": self._write("delete_item", self._items(self.name), lambda item: {"Key": _key(item)}),
            "copied": sum(self._copy(restored, pending=pending) for pending in (False, True)),
        }

    def erase(self, stream: str, catalog: Catalog) -> dict[str, int]:
        """Mask the sensitive values in a stream, and delete its snapshot and its former data in the bucket.

        Nothing is written unless the contracts accept all masked events. Versions and positions stay. A second call
        continues after an interruption.
        """
        items = [item for item in self._stream(stream) if item["version"]["N"] != "0"]
        if not items:
            raise UsageError(f"{self.name} has no stream {stream}.")
        erased = [self._masked(item, catalog) for item in items]
        objects = sum(self._overwrite(*each) for each in zip(items, erased, strict=True))
        self._client.delete_item(TableName=self.name, Key={"stream": {"S": stream}, "version": {"N": "0"}})
        return {"events": len(items), "objects": objects}

    def _stream(self, stream: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="#stream = :stream",
            ExpressionAttributeNames={"#stream": "stream"},
            ExpressionAttributeValues={":stream": {"S": stream}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _masked(self, item: Item, catalog: Catalog) -> Envelope:
        """The event in the current version of its contract, with masked values."""
        envelope = _envelope(item)
        try:
            hidden: Envelope = masked(encode(catalog.decode(self._claims.redeemed(envelope))), catalog)
            catalog.decode(hidden)
        except (ContractError, UnknownEventError) as error:
            where = f"version {item['version']['N']} of {item['stream']['S']}"
            raise UsageError(f"Nothing was erased: {where} cannot be masked. {error.args[0]}") from error
        return hidden

    def _overwrite(self, item: Item, event: Envelope) -> int:
        """Write the data of an event, then delete the former objects of the event. Returns their number."""
        detail = (self._claims.claimed(event) if self._bucket else event)["detail"]
        self._client.update_item(
            TableName=self.name,
            Key=_key(item),
            UpdateExpression="SET #detail = :detail",
            ConditionExpression="attribute_exists(#detail)",
            ExpressionAttributeNames={"#detail": "detail"},
            ExpressionAttributeValues={":detail": {"S": json.dumps(detail, separators=(",", ":"), ensure_ascii=False)}},
        )
        return self._delete_objects(claim_folder(event), except_for=detail.get("claim", {}).get("key"))

    def _delete_objects(self, folder: str, *, except_for: str | None) -> int:
        if self._bucket is None:
            return 0
        s3 = self._cloud.client("s3")
        own = {"Bucket": self._bucket, "ExpectedBucketOwner": self._account}
        pages = s3.get_paginator("list_objects_v2").paginate(Prefix=folder, **own)
        keys = [each["Key"] for page in pages for each in page.get("Contents", ()) if each["Key"] != except_for]
        for key in keys:
            s3.delete_object(Key=key, **own)
        return len(keys)

    @cached_property
    def _claims(self) -> Claims:
        return Claims(lambda: self._cloud.client("s3"), self._bucket or "", self._account)

    @cached_property
    def _account(self) -> str:
        return str(self._cloud.client("sts").get_caller_identity()["Account"])

    @staticmethod
    def _resources(deployed: DeployedStacks, kind: str, path: str) -> list[str]:
        """The name of the resource at the path of a construct; none if there is no such resource."""
        return [deployed.name(each) for each in deployed.assembly.of(kind) if each.path == path]

    def _check(self, restored: str) -> None:
        if restored == self.name:
            raise UsageError(f"{restored} is the table of the event store: give the table that was restored from it.")
        try:
            table = self._client.describe_table(TableName=restored)["Table"]
        except self._client.exceptions.ResourceNotFoundException as error:
            raise UsageError(f"There is no table {restored}: restore it with aws dynamodb first.") from error
        if tuple(key["AttributeName"] for key in table["KeySchema"]) != _KEY:
            raise UsageError(f"The table {restored} is of no event store: its key is not (stream, version).")
        if table["TableStatus"] != "ACTIVE":
            raise UsageError(
                f"The table {restored} is {table['TableStatus']}: wait with aws dynamodb wait table-exists."
            )
        if next(self._items(restored), None) is None:
            raise UsageError(
                f"The table {restored} is empty, so nothing was deleted. Was it restored from {self.name}?"
            )

    def _copy(self, restored: str, *, pending: bool) -> int:
        items = (item for item in self._items(restored) if _is_pending(item) is pending)
        return self._write("put_item", items, lambda item: {"Item": item})

    def _write(self, operation: str, items: Iterator[Item], arguments: Callable[[Item], dict[str, Any]]) -> int:
        count = 0
        with BatchWriter(self.name, self._client) as batch:
            for item in items:
                getattr(batch, operation)(**arguments(item))
                count += 1
        return count

    def _items(self, table: str) -> Iterator[Item]:
        for page in self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def _path(deployed: DeployedStacks, store: str) -> str:
    """The path of the event store's construct, which its relay has."""
    paths = [str(each.facts["construct"]) for each in deployed.of_kind("relay", "Lambda::Function")]
    found = [path for path in paths if path.rpartition("/")[2] == store]
    if len(found) != 1:
        names = ", ".join(sorted(path.rpartition("/")[2] for path in paths)) or "none"
        raise UsageError(f"{len(found)} event stores are called {store}. There are: {names}.")
    return found[0]


def _envelope(item: Item) -> Envelope:
    return {
        "source": item["source"]["S"],
        "detail-type": item["detail_type"]["S"],
        "detail": json.loads(item["detail"]["S"]),
    }


def _key(item: Item) -> Item:
    return {name: item[name] for name in _KEY}


def _is_pending(item: Item) -> bool:
    return bool(item.get("log", {}).get("S", "").startswith(_PENDING))
