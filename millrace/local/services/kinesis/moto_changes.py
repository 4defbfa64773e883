"""Changes to moto's Kinesis streams."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace, replace_attribute

RegionOf = Callable[..., AccountRegion]


def apply(region: RegionOf) -> None:
    """Apply every change."""
    _use_clock(region)
    _disable_push()
    _report_records(region)
    _find_records_by_number()
    _keep_records_in_their_shard()
    _create_on_demand()


def _create_on_demand() -> None:
    """A stream without a number of shards is on demand; moto fails, and names only the stream that exists already.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
    """
    from moto.kinesis.exceptions import ResourceInUseError
    from moto.kinesis.models import KinesisBackend

    by_moto = KinesisBackend.create_stream

    def create_stream(
        backend: Any, stream_name: str, shard_count: int | None, stream_mode: dict[str, str] | None = None, **more: Any
    ) -> Any:
        if stream_name in backend.streams:
            raise ResourceInUseError(f"Stream {stream_name} under account {backend.account_id} already exists.")
        mode = stream_mode or ({"StreamMode": "ON_DEMAND"} if shard_count is None else None)
        return by_moto(backend, stream_name, shard_count, stream_mode=mode, **more)

    replace(KinesisBackend, "create_stream", create_stream)


def _use_clock(region: RegionOf) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.kinesis import models

    def utcnow() -> datetime:
        return region().clock.datetime().replace(tzinfo=None)

    replace(models, "utcnow", utcnow)


def _disable_push() -> None:
    """Disable moto's delivery to a function within PutRecord: the local cloud polls streams as Lambda does."""
    from moto.kinesis.models import Stream

    replace_attribute(Stream, "lambda_event_source_mappings", property(lambda _: {}, lambda _, __: None))


def _report_records(region: RegionOf) -> None:
    """Report the records of a call to the pollers of their stream, once for a call."""
    from moto.kinesis.models import KinesisBackend

    def reporting(put: Callable[..., Any]) -> Callable[..., Any]:
        def reported(backend: Any, stream_arn: str, stream_name: str, *args: Any, **kwargs: Any) -> Any:
            result = put(backend, stream_arn, stream_name, *args, **kwargs)
            arn = backend.describe_stream(stream_arn, stream_name).arn
            region(arn).source_changed(arn, "arrival of a record")
            return result

        return reported

    replace(KinesisBackend, "put_record", reporting(KinesisBackend.put_record))
    replace(KinesisBackend, "put_records", reporting(KinesisBackend.put_records))


def _find_records_by_number() -> None:
    """Find the last record of a shard, and the records after a number, without reading all; moto scans the shard."""
    from moto.kinesis.models import Shard

    def get_max_sequence_number(shard: Any) -> int:
        return next(reversed(shard.records), 0)

    def get_records(shard: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
        first, newest = int(last_sequence_id) + 1, get_max_sequence_number(shard)
        until = min(newest + 1, first + limit) if limit else newest + 1
        found = [shard.records[number] for number in range(first, until)]  # moto numbers records without gaps
        if not found:
            return [], first - 1, 0
        behind = shard.records[newest].created_at - found[-1].created_at
        return found, until - 1, int(behind * 1000)

    replace(Shard, "get_max_sequence_number", get_max_sequence_number)
    replace(Shard, "get_records", get_records)


def _keep_records_in_their_shard() -> None:
    """Leave records in a split or merged shard and put new ones into open shards; moto moves and adds them wrongly.

    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    from moto.kinesis.models import Stream

    split, merge = Stream.split_shard, Stream.merge_shards
    choose = Stream.get_shard_for_key

    def split_shard(stream: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
        _without_records(stream, [shard_to_split], lambda: split(stream, shard_to_split, new_starting_hash_key))

    def merge_shards(stream: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        shards = [shard_to_merge, adjacent_shard_to_merge]
        _without_records(stream, shards, lambda: merge(stream, *shards))

    def get_shard_for_key(stream: Any, partition_key: str, explicit_hash_key: str) -> Any:
        shards = stream.shards
        stream.shards = {shard_id: shard for shard_id, shard in shards.items() if shard.is_open}
        try:
            return choose(stream, partition_key, explicit_hash_key)
        finally:
            stream.shards = shards

    replace(Stream, "split_shard", split_shard)
    replace(Stream, "merge_shards", merge_shards)
    replace(Stream, "get_shard_for_key", get_shard_for_key)


def _without_records(stream: Any, shard_ids: list[str], action: Callable[[], None]) -> None:
    """Run an action while some shards are empty."""
    shards = [stream.shards[shard_id] for shard_id in shard_ids if shard_id in stream.shards]
    records = [shard.records for shard in shards]
    for shard in shards:
        shard.records = OrderedDict()
    try:
        action()
    finally:
        for shard, its_records in zip(shards, records, strict=True):
            shard.records = its_records
