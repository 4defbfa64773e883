"""The circuit breaker: it opens, sheds, half-opens and closes, and no event is lost meanwhile."""

import json
import os

import pytest

HOUR = 3600
WORKERS = 2 * (os.cpu_count() or 1)


@pytest.fixture
def provider(flows):
    """Take the provider away for so many seconds. Gives its table."""
    table = flows.table("provider")

    def take(*, away):
        table.put_item(Item={"key": "provider", "up_at": int(flows.now() + away), "calls": 0})
        return table

    yield take
    take(away=0)
    ask(flows, "the end")  # closes the circuit for the next test
    flows.settle()


def ask(flows, *keys):
    return [flows.put("test.provider", "Asked", key=key) for key in keys]


def works(flows, asked):
    return [flows.cloud.trace(correlation_id).work("ask_provider") for correlation_id in asked]


def calls(table):
    return int(table.get_item(Key={"key": "provider"})["Item"]["calls"])


def changes(flows):
    """The changes of the circuit's state, as the processes of the function logged them, oldest first."""
    logs = flows.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    own = next(group for group in groups if "askprovider" in group.lower())
    events = logs.filter_log_events(logGroupName=own, filterPattern='"circuit changed"')["events"]
    told = [json.loads(event["message"])["circuit"] for event in sorted(events, key=lambda event: event["timestamp"])]
    return [f"{each['from']} to {each['to']}" for each in told]


def test_a_breaker_opens_sheds_half_opens_and_closes_and_loses_no_event(flows, provider):
    """https://docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker/"""
    table = provider(away=600)
    asked = ask(flows, *(f"k{number}" for number in range(20)))
    flows.settle()
    assert [len(work.published) for work in works(flows, asked)] == [1] * 20
    told = changes(flows)
    assert (told[0], told[-1]) == ("CLOSED to OPEN", "HALF_OPEN to CLOSED")
    assert set(told[1:-1]) <= {"CLOSED to OPEN", "OPEN to HALF_OPEN", "HALF_OPEN to OPEN"}
    assert calls(table) < 3 * WORKERS + 600 / 30 + 20


def test_an_event_that_waits_is_not_counted_as_failed(flows, provider):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html"""
    provider(away=HOUR)
    asked = ask(flows, "patient")
    flows.settle()
    (work,) = works(flows, asked)
    assert len(work.attempts) > 5
    assert "Waits: ProviderDown: no answer" in work.attempts[0].error
    assert (flows.letters("askprovider"), work.attempts[-1].error) == ([], None)


def test_an_event_that_has_waited_for_too_long_is_given_up_like_any_other(flows, provider):
    provider(away=24 * HOUR)
    ask(flows, "tired")
    flows.settle()
    (letter,) = flows.letters("askprovider")
    assert letter["detail"]["data"] == {"key": "tired"}


def test_what_is_no_failure_of_the_dependency_leaves_the_circuit_closed(flows, provider):
    before = len(changes(flows))
    asked = ask(flows, "poison", "poison", "poison", "poison")
    flows.settle()
    assert [len(work.attempts) for work in works(flows, asked)] == [5] * 4
    assert len(changes(flows)) == before
    assert len(flows.letters("askprovider")) == 4
