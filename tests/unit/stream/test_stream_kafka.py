"""A stream processor that Kafka feeds: the table alone carries its windows."""

import base64
import io
import json
import random

import pytest
from avro.io import BinaryEncoder, DatumWriter
from avro.schema import parse
from stream_kit import START, Lambda, answers, expected, processor, reading

from millrace.runtime.stream.handler import RecordTooLargeError


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


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no json", "Invalid JSON"),
        (b'{"sensor": "s", "celsius": 1}', "at is missing"),
        (b'{"sensor": "s", "at": "2126-03-01T00:00:07Z", "celsius": 1}', "check the clock"),
        (b'{"sensor": "s", "at": "2026-03-01T00:00:07Z", "celsius": NaN}', "celsius"),
    ],
    ids=["text", "no time", "future", "NaN"],
)
def test_invalid_record_of_kafka_is_kept_with_its_reason(monkeypatch, data, reason):
    run = Lambda(processor(), monkeypatch)
    run.processor(batch([(2, "s", AT_ONE), (3, "s", data), (602, "s", AT_601)]), None)
    assert answers(run) == ANSWER
    assert [reason in str(error) for _, error in run.refused] == [True]


def test_record_of_kafka_with_a_key_of_1_mb_fails_its_batch_with_the_reason(monkeypatch):
    run = Lambda(processor(), monkeypatch)
    with pytest.raises(RecordTooLargeError, match="the bucket of failed records keeps it"):
        run.processor(batch([(2, "s", AT_ONE), (3, "s", reading("x" * 1_000_000, 7, 1.0))]), None)


def test_record_that_does_not_match_its_avro_schema_is_kept(monkeypatch):
    run = Lambda(processor(schema=avro()), monkeypatch)
    run.processor(batch([(2, "s", in_avro(1)), (3, "s", b"\xff"), (602, "s", in_avro(601))]), None)
    assert answers(run) == ANSWER
    assert "does not match its schema" in str(run.refused[0][1])


def test_avro_in_the_wire_format_of_confluent_is_read(monkeypatch):
    """https://docs.aws.amazon.com/powertools/python/latest/utilities/kafka/"""
    run = Lambda(processor(schema=avro(value_schema_wire_format="CONFLUENT")), monkeypatch)
    run.processor(batch([(2, "s", confluent(17, in_avro(1))), (602, "s", confluent(17, in_avro(601)))]), None)
    assert (answers(run), run.refused) == (ANSWER, [])


def test_record_with_an_unknown_schema_id_is_kept_and_the_window_goes_on(monkeypatch):
    run = Lambda(processor(schema={17: avro(value_schema_wire_format="CONFLUENT")}), monkeypatch)
    rows = [confluent(17, in_avro(1)), confluent(99, in_avro(2)), in_avro(3), confluent(17, in_avro(601))]
    run.processor(batch([(at, "s", data) for at, data in zip((2, 3, 4, 602), rows, strict=True)]), None)
    assert answers(run) == ANSWER
    assert [str(error) for _, error in run.refused] == [
        "The schema id '99' is unknown: add it to the ids of schema=, 17.",
        "The schema id '' is unknown: add it to the ids of schema=, 17.",
    ]


def test_schema_id_that_lambda_has_looked_up_decides_the_schema(monkeypatch):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-consume-kafka-events.html"""
    from aws_lambda_powertools.utilities.kafka import SchemaConfig
    from google.protobuf.struct_pb2 import Struct

    known = SchemaConfig(value_schema_type="PROTOBUF", value_schema=Struct)
    run = Lambda(processor(schema={"7": known}), monkeypatch)
    given = batch([(at, "s", b"\x00" + in_protobuf(at - 1)) for at in (2, 602)])
    for record, schema_id in zip(given["records"]["lines-0"], ("7", "7"), strict=True):
        record["valueSchemaMetadata"] = {"dataFormat": "PROTOBUF", "schemaId": schema_id}
    run.processor(given, None)
    assert (answers(run), run.refused) == (ANSWER, [])


AT_ONE, AT_601 = reading("s", 1, 1.25), reading("s", 601, 1.25)
ANSWER = {("s", "2026-03-01T00:00:00+00:00"): (1, 1.25, 0, 0)}
TYPES = {"sensor": "string", "at": "string", "celsius": "double"}
FIELDS = [{"name": name, "type": kind} for name, kind in TYPES.items()]
SCHEMA = json.dumps({"type": "record", "name": "Sensed", "fields": FIELDS})


def avro(**more):
    from aws_lambda_powertools.utilities.kafka import SchemaConfig

    return SchemaConfig(value_schema_type="AVRO", value_schema=SCHEMA, **more)


def in_avro(at):
    out = io.BytesIO()
    DatumWriter(parse(SCHEMA)).write(json.loads(reading("s", at, 1.25)), BinaryEncoder(out))
    return out.getvalue()


def in_protobuf(at):
    from google.protobuf.struct_pb2 import Struct

    message = Struct()
    message.update(json.loads(reading("s", at, 1.25)))
    return message.SerializeToString()


def confluent(schema_id, data):
    return b"\x00" + schema_id.to_bytes(4, "big") + data
