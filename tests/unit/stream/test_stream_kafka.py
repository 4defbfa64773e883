"""A stream processor that Kafka feeds: the table alone carries its windows."""

import base64
import json
import random

import pytest
from stream_kit import START, Lambda, answers, expected, processor, reading


def batch(records, first=0, partition="lines-0"):
    rows = [
        {
            "topic": "lines",
            "offset": first + at,
            "timestamp": round((START.timestamp() + arrived) * 1000),
            "key": base64.b64encode(key.encode()).decode(),
            "value": base64.b64encode(data).decode(),
        }
        for at, (arrived, key, data) in enumerate(records)
    ]
    return {"eventSource": "SelfManagedKafka", "records": {partition: rows}}


@pytest.fixture
def records():
    draw = random.Random(5)
    times = sorted(draw.uniform(0, 600) for _ in range(400))
    return [(at + 1, f"s-{n % 3}", reading(f"s-{n % 3}", at, round(draw.gauss(5, 2), 2))) for n, at in enumerate(times)]


def test_windows_of_kafka_equal_an_exact_computation(monkeypatch, records):
    run = Lambda(processor(lateness=5), monkeypatch)
    end = [(900, f"s-{n}", reading(f"s-{n}", 900, 1.0)) for n in range(3)]
    for first in range(0, len(records), 50):
        run.processor(batch(records[first : first + 50], first), None)
    run.processor(batch(end, len(records)), None)
    assert answers(run) == expected(records, lateness=5)


def test_batch_that_comes_again_in_other_parts_counts_once(monkeypatch, records):
    run = Lambda(processor(lateness=5), monkeypatch)
    for first, last in ((0, 120), (60, 200), (0, 10), (200, 400), (350, 400)):
        run.processor(batch(records[first:last], first), None)
    run.processor(batch([(900, f"s-{n}", reading(f"s-{n}", 900, 1.0)) for n in range(3)], 400), None)
    assert answers(run) == expected(records, lateness=5)


def test_avro_records_are_read_by_the_deserializer_of_powertools(monkeypatch):
    pytest.importorskip("avro")
    from aws_lambda_powertools.utilities.kafka import SchemaConfig

    fields = [
        {"name": "sensor", "type": "string"},
        {"name": "at", "type": "string"},
        {"name": "celsius", "type": "double"},
    ]
    schema = json.dumps({"type": "record", "name": "Sensed", "fields": fields})
    config = SchemaConfig(value_schema_type="AVRO", value_schema=schema)
    run = Lambda(processor(schema=config), monkeypatch)
    good = {"sensor": "s", "at": "2026-03-01T00:00:01Z", "celsius": 1.25}
    later = good | {"at": "2026-03-01T00:10:01Z"}
    rows = [(2, "s", encoded(schema, good)), (3, "s", b"\xff"), (602, "s", encoded(schema, later))]
    run.processor(batch(rows), None)
    assert answers(run) == {("s", "2026-03-01T00:00:00+00:00"): (1, 1.25, 0, 0)}
    assert "does not match its schema" in str(run.refused[0][1])


def encoded(schema, value):
    import io

    from avro.io import BinaryEncoder, DatumWriter
    from avro.schema import parse

    out = io.BytesIO()
    DatumWriter(parse(schema)).write(value, BinaryEncoder(out))
    return out.getvalue()
