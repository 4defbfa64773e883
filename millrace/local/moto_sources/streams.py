"""What moto's Kinesis streams and DynamoDB tables do otherwise here."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

GetPlane = Callable[..., "Plane"]


def apply(plane: GetPlane) -> None:
    """Change moto's streams."""
    _tell_time(plane)
    _push_nothing()
    _report_records(plane)
    _report_items(plane)
    _leave_records_in_their_shard()


def _tell_time(plane: GetPlane) -> None:
    """Records are dated by the clock of the local cloud, which skips idle time."""
    import moto.dynamodb.models.table  # noqa: PLC0415
    import moto.kinesis.models  # noqa: PLC0415

    def cloud_now() -> datetime:
        return plane().clock.datetime().replace(tzinfo=None)

    moto.kinesis.models.utcnow = cloud_now
    moto.dynamodb.models.table.utcnow = cloud_now


def _push_nothing() -> None:
    """Moto pushes each record into one function as it is put, and empties the shard of a table; the plane polls."""
    from moto.dynamodb.models.table import Table  # noqa: PLC0415
    from moto.kinesis.models import Stream  # noqa: PLC0415

    for source in (Table, Stream):
        source.lambda_event_source_mappings = property(lambda _: {}, lambda _, __: None)


def _report_records(plane: GetPlane) -> None:
    """The plane must know when a record is put."""
    from moto.kinesis.models import Stream  # noqa: PLC0415

    put = Stream.put_record

    def put_record(stream: Any, *args: Any, **kwargs: Any) -> Any:
        placed = put(stream, *args, **kwargs)
        known, arn = plane(stream.arn), stream.arn
        known.agenda.soon(lambda: known.sources.arrived(arn), "arrival of a record")
        return placed

    Stream.put_record = put_record


def _report_items(plane: GetPlane) -> None:
    """The plane must know when an item changes; a write that changes nothing makes no record.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """
    from moto.dynamodb.models.table import StreamShard  # noqa: PLC0415

    add = StreamShard.add

    def add_item(shard: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        add(shard, old, new)
        table = shard.table
        known, arn = plane(table.table_arn), f"{table.table_arn}/stream/{table.latest_stream_label}"
        known.agenda.soon(lambda: known.sources.arrived(arn), "change of an item")

    StreamShard.add = add_item


def _leave_records_in_their_shard() -> None:
    """Moto moves the records of a shard that is split or merged to its children, as if they were put again.

    It also puts new records into the shard that was split.
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    from moto.kinesis.models import Stream  # noqa: PLC0415

    split, merge = Stream.split_shard, Stream.merge_shards
    choose = Stream.get_shard_for_key

    def split_shard(stream: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
        _without_records(stream, [shard_to_split], lambda: split(stream, shard_to_split, new_starting_hash_key))

    def merge_shards(stream: Any, shard_to_merge: str, adjacent: str) -> None:
        _without_records(stream, [shard_to_merge, adjacent], lambda: merge(stream, shard_to_merge, adjacent))

    def get_shard_for_key(stream: Any, partition_key: str, explicit_hash_key: str) -> Any:
        whole = stream.shards
        stream.shards = {shard_id: shard for shard_id, shard in whole.items() if shard.is_open}
        try:
            return choose(stream, partition_key, explicit_hash_key)
        finally:
            stream.shards = whole

    Stream.split_shard, Stream.merge_shards = split_shard, merge_shards
    Stream.get_shard_for_key = get_shard_for_key


def _without_records(stream: Any, shard_ids: list[str], action: Callable[[], None]) -> None:
    shards = [stream.shards[shard_id] for shard_id in shard_ids if shard_id in stream.shards]
    kept = [shard.records for shard in shards]
    for shard in shards:
        shard.records = OrderedDict()
    try:
        action()
    finally:
        for shard, records in zip(shards, kept, strict=True):
            shard.records = records
