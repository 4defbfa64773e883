"""Put recorded readings into the stream of a stream processor."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from millrace.operations import UsageError
from millrace.operations.cloud import Cloud

_CALL = 500
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""


def put_readings(cloud: Cloud, recorded: dict[str, Any], now: float) -> int:
    """Put recorded readings: `{"function": …, "key": …, "time": …, "readings": [{…}]}`. Return their number.

    The field `time` of a reading is in seconds after `now`; it is replaced by the moment. `key` names the field that is
    the partition key.
    """
    stream, key, time = _stream(cloud, recorded["function"]), recorded["key"], recorded["time"]
    began = datetime.fromtimestamp(now, UTC)
    moments = [(began + timedelta(seconds=each[time])).isoformat() for each in recorded["readings"]]
    readings = [{**each, time: moment} for each, moment in zip(recorded["readings"], moments, strict=True)]
    entries = [{"PartitionKey": each[key], "Data": json.dumps(each).encode()} for each in readings]
    for first in range(0, len(entries), _CALL):
        answer = cloud.client("kinesis").put_records(StreamName=stream, Records=entries[first : first + _CALL])
        if answer["FailedRecordCount"]:
            raise UsageError(f"Kinesis refused {answer['FailedRecordCount']} readings of {stream}: put them again.")
    return len(entries)


def _stream(cloud: Cloud, function: str) -> str:
    """Return the stream of a function, by the name of its folder."""
    pages = cloud.client("lambda").get_paginator("list_functions").paginate()
    variables = [f.get("Environment", {}).get("Variables", {}) for page in pages for f in page["Functions"]]
    for known in variables:
        if known.get("POWERTOOLS_SERVICE_NAME") == function and "MILLRACE_STREAM" in known:
            return str(known["MILLRACE_STREAM"])
    raise UsageError(f"{cloud.name} has no stream processor {function} with a Kinesis stream.")
