"""Windows of a stream processor equal an independent computation."""

import random
from types import SimpleNamespace

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_kit import START, Lambda, Sensed, Summed, answers, expected, once, processor, reading, record, summed

from millrace.runtime import Window
from millrace.runtime.stream.handler import WindowFailedError

DAY = 86_400
SENSORS = [f"sensor-{number}" for number in range(7)]


def day(count, seed=1, *, spread=4000.0, delay=20.0, unique=False):
    """Records of some sensors, which arrive in another order than they were made."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        sensor, at = draw.choice(SENSORS), draw.uniform(0, spread)
        more = {"alarm": draw.random() < 0.1, "milli": draw.randrange(-9000, 9000)}
        data = reading(sensor, at, round(draw.uniform(-30, 30), 2), **more, **({"number": number} if unique else {}))
        made.append((round(at + draw.expovariate(1 / delay), 3), sensor, data))
    return sorted(made, key=lambda each: each[0])


def test_windows_of_20000_readings_equal_an_exact_computation(monkeypatch):
    records = day(20_000)
    run = Lambda(processor(lateness=30), monkeypatch)
    run.shard(records)
    assert answers(run) == expected(records, lateness=30)
    assert sum(count for count, *_ in answers(run).values()) + len(run.refused) == 20_000
    assert len(run.published) == len(run.results())


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_answer_does_not_depend_on_batches(monkeypatch, batch_size):
    records = day(500)
    run = Lambda(processor(lateness=45), monkeypatch, batch_size=batch_size, width=30)
    run.shard(records)
    assert answers(run) == expected(records, lateness=45)


def test_late_reading_is_kept_with_its_delay(monkeypatch):
    records = [(10, "s", reading("s", 5, 1.0)), (130, "s", reading("s", 6, 2.0)), (131, "s", reading("s", 70, 3.0))]
    run = Lambda(processor(lateness=30), monkeypatch)
    run.shard(records)
    assert [data["count"] for data in run.results().values()] == [1, 1]
    ((body, error),) = run.refused
    assert body["kinesis"]["sequenceNumber"] == "2"
    assert "arrived 40.000 s after its window of 's' from 2026-03-01T00:00:00+00:00 closed" in str(error)


def test_silent_key_is_closed_by_a_tick(monkeypatch):
    run = Lambda(processor(lateness=100), monkeypatch)
    run.shard([(10, "s", reading("s", 5, 1.5))])
    assert answers(run) == {("s", "2026-03-01T00:00:00+00:00"): (1, 1.5, 0, 0)}
    assert run.calls == 6


def failing(window: Window[Sensed]) -> Summed | None:
    if window["celsius"].sum < 0:
        raise ValueError("cold")
    return summed(window)


@pytest.mark.parametrize("retries", [0, 5])
def test_each_window_that_fails_is_kept_although_lambda_retries_a_batch_five_times(monkeypatch, retries):
    records = [(at, f"s-{at}", reading(f"s-{at}", at, -1.0 if at % 2 else 1.0)) for at in range(20)]
    run = Lambda(processor(failing), monkeypatch, retries=retries)
    run.shard(records)
    assert [body["window"]["count"] for body, _ in run.refused] == [1] * 10
    assert len(run.results()) == 10


def test_handler_is_called_three_times_with_a_window_that_fails(monkeypatch):
    called = []

    def fail(window: Window[Sensed]) -> None:
        called.append(window.key)
        raise ValueError("cold")

    run = Lambda(processor(fail), monkeypatch, retries=5)
    run.shard([(1, "s", reading("s", 1, -1.0))])
    assert called == ["s"] * 3
    assert [type(error).__name__ for _, error in run.refused] == ["ValueError"]


def test_windows_close_later_when_their_events_cannot_be_published(monkeypatch):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    run = Lambda(processor(), monkeypatch, retries=1)
    publish, outages = run.published.extend, iter(range(2))

    def failing(envelopes):
        if next(outages, None) is not None:
            raise WindowFailedError("EventBridge is not available")
        publish(envelopes)

    monkeypatch.setattr("millrace.runtime.stream.handler.publisher", lambda: SimpleNamespace(publish=failing))
    run.shard([(10, "s", reading("s", 5, 1.5))])
    assert answers(run) == {("s", "2026-03-01T00:00:00+00:00"): (1, 1.5, 0, 0)}


@pytest.mark.parametrize(("every", "lateness"), [(30 * DAY, 0), (3600, 30 * DAY)])
def test_open_window_is_kept_until_it_is_due(monkeypatch, every, lateness):
    """The readings of a silent key are not written again until the window closes."""
    run = Lambda(processor(every=every, lateness=lateness), monkeypatch)
    sent = [record(0, "s", reading("s", 0, 1.0), 1, "shardId-0")]
    with time_machine.travel(START):
        run._invoke(sent, {}, "shardId-0", START.timestamp(), final=True)
    (item,) = run.table.items.values()
    number = (START.timestamp() // every + 1) * every
    assert item["expiration"] >= number + lateness + 7 * DAY


def test_duplicates_with_an_id_count_once(monkeypatch):
    records = day(800, unique=True)
    draw = random.Random(3)
    copies = [(arrived + draw.uniform(0, 200), key, data) for arrived, key, data in draw.sample(records, 300)]
    both = sorted([*records, *copies], key=lambda each: each[0])
    run = Lambda(processor(once, lateness=120), monkeypatch)
    run.shard(both)
    assert answers(run) == expected(both, lateness=120, unique=True)


def test_invocations_that_crash_after_they_ran_change_nothing(monkeypatch):
    records = day(600)
    run = Lambda(processor(lateness=60), monkeypatch, crash=lambda call: call % 3 == 0)
    run.shard(records)
    assert answers(run) == expected(records, lateness=60)
    assert len({str(each["detail"]["data"]) for each in run.published}) == len(run.results())


def test_split_of_a_shard_changes_nothing(monkeypatch):
    records = day(900, spread=600)
    run = Lambda(processor(lateness=300), monkeypatch)
    parent, children = records[:450], records[450:]
    run.shard(parent, "shardId-0")
    run.published.clear()
    for number, half in enumerate((SENSORS[:3], SENSORS[3:])):
        run.shard([each for each in children if each[1] in half], f"shardId-{number + 1}")
    assert answers(run).items() <= expected(records, lateness=300).items()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    batch_size=st.integers(1, 60),
    lateness=st.sampled_from([0, 7, 60, 150]),
    width=st.sampled_from([20, 60, 90]),
    crashes=st.sets(st.integers(1, 40), max_size=6),
)
def test_any_delay_batch_width_and_crash_gives_the_same_answer(seed, batch_size, lateness, width, crashes):
    with pytest.MonkeyPatch.context() as monkeypatch:
        records = day(120, seed, spread=500, delay=60)
        crash = crashes.__contains__
        run = Lambda(processor(lateness=lateness), monkeypatch, batch_size=batch_size, width=width, crash=crash)
        run.shard(records)
        assert answers(run) == expected(records, lateness=lateness)
