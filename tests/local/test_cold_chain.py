"""Streams of the shop: readings and log lines become events, and a breach holds a shipment."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures
from stream_day_kit import POISON, Day, failed_records

from functions.contracts.cold_chain import CargoReading
from millrace.runtime import StreamProducer


@pytest.fixture
def producer(cloud):
    """Return a producer to the stream of a construct."""
    kinesis = cloud.client("kinesis")
    names = kinesis.list_streams()["StreamNames"]
    return lambda name: StreamProducer(next(each for each in names if name in each), kinesis=kinesis)


@pytest.fixture
def dead_letters(cloud):
    """Receive the dead letters of a construct."""
    sqs = cloud.client("sqs")

    def received(name):
        (url,) = [each for each in sqs.list_queues()["QueueUrls"] if f"{name}DeadLetters" in each]
        request = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        return sqs.receive_message(QueueUrl=url, **request).get("Messages", [])

    return received


@pytest.fixture
def now(cloud):
    """Return the start of the next five minutes of the local cloud, once it has come."""

    def now():
        seconds = cloud.scheduler.clock.now()
        wait = 300 - seconds % 300 + 1
        cloud.on_loop(lambda: cloud.scheduler.after(wait, lambda: None, "a test"))
        cloud.settle()
        return datetime.fromtimestamp(cloud.scheduler.clock.now(), UTC)

    return now


@pytest.fixture(scope="module")
def published(cloud):
    """Receive the events of the streams, and of held shipments, by their detail-type."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:seen"
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    pattern = {"detail-type": ["TemperatureBreached", "ErrorRateHigh", "ShipmentHeld"]}
    events.put_rule(Name="seen", EventBusName="shop", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="seen", EventBusName="shop", Targets=[{"Id": "seen", "Arn": arn}])

    def received():
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return {(body := json.loads(message["Body"]))["detail-type"]: body["detail"]["data"] for message in found}

    return received


@pytest.fixture(scope="module")
def day(cloud, tmp_path_factory):
    """Run MILLRACE_READINGS readings of a day."""
    day = Day(cloud, int(os.environ.get("MILLRACE_READINGS", "1500")), tmp_path_factory.mktemp("day"))
    day.run()
    return day


def cargo(order, now, *celsius):
    return [
        CargoReading(order_id=order, reading_id=f"{order}-{at}", measured_at=now + timedelta(seconds=at), celsius=value)
        for at, value in enumerate(celsius)
    ]


def test_breach_holds_the_shipment_and_the_trace_of_the_order_shows_why(stocked, put, producer, now, published):
    producer("WatchCargo").put(cargo("order-warm", now(), 9.5, 10.5, 11.5))
    stocked.settle()
    assert published()["TemperatureBreached"]["celsius"] == 10.5
    placed = put("place_order", order_id="order-warm")
    stocked.settle()
    names = stocked.trace(placed).names()
    assert names[5:7] == ["ShipmentArranged", "ShipmentHeld"]
    assert "OrderRejected" in names
    assert published()["ShipmentHeld"]["reason"].startswith("10.5 °C on average from ")


def test_invalid_readings_are_kept_and_their_window_goes_on(cloud, producer, now, published, dead_letters):
    stream, start = producer("WatchCargo"), now()
    future = b'{"order_id":"o-9","reading_id":"x","measured_at":"2126-01-01T00:00:00Z","celsius":1}'
    stream.put_entries({"PartitionKey": "o-9", "Data": data} for data in (b"no json", b'{"order_id": "o-9"}', future))
    stream.put(cargo("o-9", start, 20.0, 21.0))
    cloud.settle()
    reasons = [message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] for message in dead_letters("WatchCargo")]
    assert len(reasons) == 3
    assert any("after the arrival of the record: check the clock" in reason for reason in reasons)
    assert published()["TemperatureBreached"]["readings"] == 2


def test_record_with_a_key_of_1_mb_is_bisected_away_and_kept_in_the_bucket(cloud, producer, now, published):
    stream, start = producer("WatchCargo"), now()
    good = cargo("o-10", start, 20.0, 21.0)
    large = {"PartitionKey": "o-10", "Data": b'{"order_id": "%s"}' % (b"x" * 1_000_000)}
    stream.put_entries([stream_entry(good[0]), large, stream_entry(good[1])])
    cloud.settle()
    assert large["Data"] in failed_records(cloud)
    assert published()["TemperatureBreached"]["readings"] == 2


def stream_entry(reading):
    return {"PartitionKey": reading.order_id, "Data": reading.model_dump_json().encode()}


def test_sensor_that_publishes_to_iot_core_reaches_the_window(cloud, now, published):
    for reading in cargo("order-iot", now(), 12.0, 13.0):
        cloud.client("iot-data").publish(topic="cargo/7/temperature", payload=reading.model_dump_json().encode())
    cloud.settle()
    assert published()["TemperatureBreached"]["readings"] == 2


def test_error_rate_above_five_percent_is_reported(cloud, producer, now, published):
    time = now().strftime("%d/%b/%Y:%H:%M:%S %z")
    lines = [f'shop - - [{time}] "GET / HTTP/1.1" {500 if at < 6 else 200} 12' for at in range(100)]
    producer("WatchAccess").put_lines("shop", lines)
    cloud.settle()
    event = published()["ErrorRateHigh"]
    assert (event["requests"], event["failed"]) == (100, 6)


def test_windows_of_a_day_with_duplicates_late_readings_poison_a_split_and_a_crash_equal_those_of_duckdb(day):
    expected = day.expected()
    assert (len(expected) > 15, day.mark.exists()) == (True, True)
    assert POISON[1]["Data"] in failed_records(day.cloud)
    assert day.windows() == expected


def test_breaches_of_the_day_are_the_windows_whose_mean_is_too_high(day):
    breached = sum(total / count > 8 for count, total, *_ in day.expected().values())
    flows = [flow for flow in day.cloud.traces() if flow.names() == ["TemperatureBreached"]]
    assert len(flows) >= breached > 3
