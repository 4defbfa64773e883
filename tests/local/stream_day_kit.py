"""A day of readings with duplicates, late, invalid and poison records, a split shard and a killed worker."""

import base64
import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from fractions import Fraction

from crash_kit import crashing_package

from millrace.runtime.stream.aggregates import Statistics

STEP = 60
"""Seconds between two calls."""
MANY = 10_000
"""Readings from which on there are 20 shipments instead of 4."""
POISON = [{"PartitionKey": "day-0", "Data": data} for data in (b"poison", b"x" * 1_000_000)]
"""A record that becomes a dead letter, and one that is too large for it: its batch fails until it is bisected away."""


class Day:
    """Puts `count` readings into the stream of watch_cargo, at most 1,000,000 a day. The table has the windows."""

    def __init__(self, cloud, count, folder, *, seed=1):
        self.cloud = cloud
        self.kinesis = cloud.client("kinesis")
        self.stream = next(name for name in self.kinesis.list_streams()["StreamNames"] if "WatchCargo" in name)
        self.mark = folder / "killed"
        self._draw = random.Random(seed)
        self._count = count
        self._keys = 20 if count > MANY else 4
        self._steps = max(round(count * 0.0864), 1200) // STEP

    def run(self):
        """Put the readings step by step; split the shard, and kill a worker, on the way."""
        for step in range(self._steps):
            self.cloud.advance(seconds=STEP)
            if step == self._steps // 3:
                self._split()
            if step == self._steps // 2:
                self._kill()
            self._put([*self._readings(step), *(POISON if step == self._steps // 4 else ())])
        self.cloud.settle(timeout=600)

    def _readings(self, step):
        now = self.cloud.scheduler.clock.now()
        first, last = (self._count * each // self._steps for each in (step, step + 1))
        for number in range(first, last):
            entry = self._reading(number, now)
            yield from [entry] * (1 + (self._draw.random() < 0.05))

    def _reading(self, number, now):
        late = self._draw.uniform(0, 900) if self._draw.random() < 0.02 else self._draw.expovariate(1 / 20)
        key = f"day-{self._draw.randrange(self._keys)}"
        data = {
            "order_id": key,
            "reading_id": str(number),
            "measured_at": datetime.fromtimestamp(now - late, UTC).isoformat(),
            "celsius": round(self._draw.gauss(7.9, 3), 2),
        }
        return {"PartitionKey": key, "Data": json.dumps(data).encode()}

    def _put(self, entries):
        for first in range(0, len(entries), 500):
            answer = self.kinesis.put_records(StreamName=self.stream, Records=entries[first : first + 500])
            assert answer["FailedRecordCount"] == 0

    def _split(self):
        (shard,) = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
        self.kinesis.split_shard(StreamName=self.stream, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(2**127))

    def _kill(self):
        """Let the function kill its process after its 8th write of a window."""
        functions = self.cloud.client("lambda").list_functions()["Functions"]
        (name,) = [each["FunctionName"] for each in functions if "WatchCargo" in each["FunctionName"]]
        code = crashing_package("watch_cargo", self.mark, ("PutItem", 8), before=False)
        self.cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=code)

    def windows(self):
        """Return count, sum, minimum and maximum of each closed window, by key and number."""
        dynamodb = self.cloud.client("dynamodb")
        name = next(each for each in dynamodb.list_tables()["TableNames"] if "WatchCargoWindows" in each)
        pages = dynamodb.get_paginator("scan").paginate(TableName=name)
        found = {}
        for item in (item for page in pages for item in page["Items"]):
            celsius = Statistics(json.loads(item["readings"]["S"])["f"]["celsius"])
            if "open" not in item and item["key"]["S"].startswith("day-"):
                slot = item["key"]["S"], int(item["window"]["N"])
                found[slot] = celsius.count, celsius.sum, celsius.min, celsius.max
        return found

    def expected(self):
        """Compute the windows from the records of the stream, with DuckDB."""
        import duckdb

        columns = defaultdict(list)
        for record in self._records():
            if record["Data"].startswith(b'{"order_id": "day-'):
                data = json.loads(record["Data"])
                columns["arrived"].append(record["ApproximateArrivalTimestamp"].timestamp())
                columns["taken"].append(datetime.fromisoformat(data["measured_at"]).timestamp())
                for name in ("order_id", "reading_id", "celsius"):
                    columns[name].append(data[name])
        rows = duckdb.connect().execute(
            """with readings as (select unnest($order_id) key, unnest($reading_id) id, unnest($taken) taken,
                                        unnest($celsius) celsius, unnest($arrived) arrived),
                    first as (select key, id, floor(any_value(taken) / 300)::bigint as number,
                                     any_value(celsius) celsius, min(arrived) arrived from readings group by key, id)
               select key, number, count(*), list(celsius), min(celsius), max(celsius)
               from first where arrived < (number + 1) * 300 + 60 group by key, number""",
            columns,
        )
        return {
            (key, number): (n, float(sum(map(Fraction, values))), *ends)
            for key, number, n, values, *ends in rows.fetchall()
        }

    def _records(self):
        for shard in self.kinesis.list_shards(StreamName=self.stream)["Shards"]:
            where = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = self.kinesis.get_shard_iterator(StreamName=self.stream, **where)["ShardIterator"]
            while True:
                page = self.kinesis.get_records(ShardIterator=iterator)
                yield from page["Records"]
                iterator = page.get("NextShardIterator")
                if not page["Records"] or not iterator:
                    break


def failed_records(cloud):
    """Return the data of the records in the bucket of failed records of watch_cargo."""
    s3 = cloud.client("s3")
    (bucket,) = [
        each["Name"]
        for each in s3.list_buckets()["Buckets"]
        if "watchcargo" in each["Name"] and "failed" in each["Name"]
    ]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
    stored = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    records = [record for each in stored for record in json.loads(each["payload"])["Records"]]
    return [base64.b64decode(record["kinesis"]["data"]) for record in records]
