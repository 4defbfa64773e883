"""Invalid records and windows that are too large are kept with the reason, and the other windows go on."""

import pytest
from stream_kit import Lambda, answers, expected, once, processor, reading

from millrace.runtime.stream.handler import RecordTooLargeError

GOOD = [(10, "s", reading("s", 5, 1.5)), (20, "t", reading("t", 6, 2.5))]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no json", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b'{"sensor": "s", "celsius": 1}', "at is missing"),
        (b'{"sensor": "s", "at": "2026-03-01T00:00:07", "celsius": 1}', "without an offset"),
        (b'{"sensor": "s", "at": "2126-03-01T00:00:07Z", "celsius": 1}', "check the clock"),
        (b'{"sensor": "s", "at": "2026-03-01T00:00:07Z", "celsius": NaN}', "celsius"),
        (b'{"sensor": "s", "at": "2026-03-01T00:00:07Z", "celsius": 1e999}', "celsius"),
        (reading("x" * 500_000, 7, 1.0), "sensor has 500000 bytes: send 1 to 256"),
        (reading("t", 7, 1.0), "Its partition key is not its sensor"),
    ],
    ids=["text", "bytes", "no time", "no offset", "future", "NaN", "infinity", "key of 500 KB", "other key"],
)
def test_invalid_record_is_kept_with_its_reason_and_the_window_goes_on(monkeypatch, data, reason):
    run = Lambda(processor(), monkeypatch)
    run.shard([GOOD[0], (15, "s", data), GOOD[1]])
    assert answers(run) == expected(GOOD)
    ((body, error),) = run.refused
    assert (body["kinesis"]["sequenceNumber"], type(error).__name__) == ("2", "ReadingError")
    assert reason in str(error)


def test_invalid_record_too_large_for_the_queue_fails_its_batch_with_the_reason(monkeypatch):
    run = Lambda(processor(), monkeypatch)
    with pytest.raises(RecordTooLargeError, match=r"sensor has 1000000 bytes.* the bucket of failed records keeps it"):
        run.shard([(15, "s", reading("x" * 1_000_000, 7, 1.0))])
    assert run.refused == []


def test_window_too_large_for_an_item_is_kept_with_its_aggregates_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr("millrace.runtime.dynamodb.MOST_BYTES", 8000)
    many = [(10, "s", reading("s", 5, 1.0, number=at)) for at in range(1200)]
    run = Lambda(processor(once), monkeypatch)
    run.shard([*many, (30, "t", reading("t", 6, 2.5, number=1))])
    assert list(answers(run).values()) == [(1, 2.5, 0, 0)]
    ((body, error),) = run.refused
    assert (body["window"]["key"], body["window"]["count"]) == ("s", 1200)
    assert "use shorter windows" in str(error)


def test_readings_after_a_window_that_was_too_large_are_kept(monkeypatch):
    monkeypatch.setattr("millrace.runtime.dynamodb.MOST_BYTES", 8000)
    many = [(10, "s", reading("s", 5, 1.0, number=at)) for at in range(1200)]
    run = Lambda(processor(once), monkeypatch, width=20)
    run.shard([*many, (30, "s", reading("s", 6, 2.5, number=-1))])
    assert answers(run) == {}
    (large, _), (record, reason) = run.refused
    assert (large["window"]["count"], record["kinesis"]["sequenceNumber"]) == (1200, "1201")
    assert str(reason) == "The window of 's' from 2026-03-01T00:00:00+00:00 is closed."


def test_state_above_the_limit_of_lambda_ends_its_window_early_and_changes_no_answer(monkeypatch):
    records = [(at / 100, f"s-{at}", reading(f"s-{at}", at / 100, 1.0)) for at in range(900)]
    run = Lambda(processor(), monkeypatch, batch_size=300, max_state=30_000)
    run.shard(records)
    assert run.ended_early >= 2
    assert answers(run) == expected(records)
