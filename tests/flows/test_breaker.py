"""The circuit breaker opens, half-opens and closes without losing events."""

import json
import os

import pytest

HOUR = 3600
WORKERS = 2 * (os.cpu_count() or 1)


@pytest.fixture
def provider(flows):
    """Make the provider unavailable for some seconds. Return its table."""
    table = flows.table("provider")

    def fail(*, seconds):
        table.put_item(Item={"key": "provider", "up_at": int(flows.now() + seconds), "calls": 0})
        return table

    yield fail
    fail(seconds=0)
    request(flows, "the end")  # closes the circuit for the next test
    flows.settle()


def request(flows, *keys):
    return [flows.put("test.provider", "Requested", key=key) for key in keys]


def works(flows, requested):
    return [flows.cloud.trace(correlation_id).work("call_provider") for correlation_id in requested]


def calls(table):
    return int(table.get_item(Key={"key": "provider"})["Item"]["calls"])


def changes(flows):
    """Return the state changes in the function's log, oldest first."""
    logs = flows.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    name = next(group for group in groups if "callprovider" in group.lower())
    events = logs.filter_log_events(logGroupName=name, filterPattern='"circuit changed"')["events"]
    circuits = [
        json.loads(event["message"])["circuit"] for event in sorted(events, key=lambda event: event["timestamp"])
    ]
    return [f"{each['from']} to {each['to']}" for each in circuits]


def test_breaker_opens_half_opens_and_closes_without_losing_events(flows, provider):
    """https://docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker/"""
    table = provider(seconds=600)
    requested = request(flows, *(f"k{number}" for number in range(20)))
    flows.settle()
    assert [len(work.published) for work in works(flows, requested)] == [1] * 20
    states = changes(flows)
    assert (states[0], states[-1]) == ("CLOSED to OPEN", "HALF_OPEN to CLOSED")
    assert set(states[1:-1]) <= {"CLOSED to OPEN", "OPEN to HALF_OPEN", "HALF_OPEN to OPEN"}
    assert calls(table) < 3 * WORKERS + 600 / 30 + 20


def test_waiting_event_does_not_count_as_failed(flows, provider):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html"""
    provider(seconds=HOUR)
    requested = request(flows, "waiting")
    flows.settle()
    (work,) = works(flows, requested)
    assert len(work.attempts) > 5
    assert "DependencyUnavailableError: ProviderDown: no answer" in work.attempts[0].error
    assert (flows.dead_letters("callprovider"), work.attempts[-1].error) == ([], None)


def test_no_event_is_lost_if_the_provider_is_down_for_a_day(flows, provider):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    provider(seconds=24 * HOUR)
    requested = request(flows, "first", "second")
    flows.settle()
    assert [len(work.published) for work in works(flows, requested)] == [1, 1]
    assert min(len(work.attempts) for work in works(flows, requested)) > 16
    assert flows.dead_letters("callprovider") == []


def test_event_that_waits_too_long_becomes_a_dead_letter(flows, provider):
    provider(seconds=72 * HOUR)
    request(flows, "expired")
    flows.settle()
    (dead_letter,) = flows.dead_letters("callprovider")
    assert dead_letter["detail"]["data"] == {"key": "expired"}


def test_other_errors_leave_the_circuit_closed(flows, provider):
    before = len(changes(flows))
    requested = request(flows, "poison", "poison", "poison", "poison")
    flows.settle()
    assert [len(work.attempts) for work in works(flows, requested)] == [5] * 4
    assert len(changes(flows)) == before
    assert len(flows.dead_letters("callprovider")) == 4
