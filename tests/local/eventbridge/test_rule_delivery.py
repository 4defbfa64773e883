"""Delivery from rules to targets: retries, dead letters, limits."""

import json
from http import HTTPStatus

import pytest
from bus_kit import ACCOUNT, attributes, entry

from millrace.local.core.delivery import rule_pause

pytest_plugins = ["bus_fixtures"]


def test_disabled_rule_delivers_nothing_until_enabled(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html"""
    observer = queue()
    rule(observer.arn)
    events.disable_rule(Name="rule")
    send({"n": 1})
    events.enable_rule(Name="rule")
    send({"n": 2})
    assert [event["detail"] for event in observer.events()] == [{"n": 2}]


def test_rule_receives_events_of_its_bus_only(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html"""
    events.create_event_bus(Name="shop")
    observer = queue()
    rule(observer.arn, bus="shop")
    send({})
    assert observer.messages() == []


def test_failing_target_does_not_affect_other_targets(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    first, last = queue("first"), queue("last")
    rule(first.arn)
    deleted = f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted"
    events.put_targets(Rule="rule", Targets=[{"Id": "2", "Arn": deleted}, {"Id": "3", "Arn": last.arn}])
    answer = send({})
    assert answer["FailedEntryCount"] == 0
    assert len(first.messages()) == len(last.messages()) == 1


def test_rule_has_at_most_five_targets(events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
    arn = queue().arn
    rule(arn)
    events.put_targets(Rule="rule", Targets=[{"Id": str(n), "Arn": arn} for n in range(1, 6)])
    with pytest.raises(events.exceptions.LimitExceededException):
        events.put_targets(Rule="rule", Targets=[{"Id": "6", "Arn": arn}])


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:deleted",
        f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:deleted",
        f"arn:aws:sns:us-east-1:{ACCOUNT}:deleted",
        f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/deleted",
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:deleted:*",
        f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/deleted",
        f"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/deleted/1234",
    ],
)
def test_event_for_deleted_target_becomes_dead_letter_without_retry(send, queue, rule, arn):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    dead = queue("dead")
    rule_arn = rule(arn, DeadLetterConfig={"Arn": dead.arn})
    event_id = send({})["Entries"][0]["EventId"]
    (message,) = dead.messages()
    assert json.loads(message["Body"])["id"] == event_id
    details = attributes(message)
    assert details.pop("ERROR_MESSAGE")
    assert details == {"RULE_ARN": rule_arn, "TARGET_ARN": arn, "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0"}


def test_dead_letter_contains_event_instead_of_target_input(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    dead = queue("dead")
    rule(f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted", Input="{}", DeadLetterConfig={"Arn": dead.arn})
    send({"n": 1})
    assert dead.events()[0]["detail"] == {"n": 1}


def test_event_dropped_without_dead_letter_queue_is_recorded(local, send, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html"""
    rule(f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted")
    event_id = send({})["Entries"][0]["EventId"]
    assert any("NO_RESOURCE" in error for error in local.trace(event_id).errors())


def test_retriable_error_is_retried_up_to_maximum_retry_attempts(send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, RetryPolicy={"MaximumRetryAttempts": 3}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    details = attributes(dead.messages()[0])
    assert len(target.requests) == 4
    assert details["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert details["RETRY_ATTEMPTS"] == "3"


def test_default_retry_policy_is_185_retries_within_a_day(local, send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, DeadLetterConfig={"Arn": dead.arn})
    began = local.scheduler.clock.now()
    send({})
    details = attributes(dead.messages()[0])
    assert local.scheduler.clock.now() - began <= 24 * 3600 + 60
    assert details["EXHAUSTED_RETRY_CONDITION"] in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
    assert len(target.requests) == int(details["RETRY_ATTEMPTS"]) + 1 <= 186


def test_event_older_than_maximum_event_age_becomes_dead_letter(local, send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, RetryPolicy={"MaximumEventAgeInSeconds": 60}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    details = attributes(dead.messages()[0])
    assert details["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert int(details["RETRY_ATTEMPTS"]) == len(target.requests) - 1 >= 3


def test_backoff_is_exponential_with_jitter():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    Differs: AWS documents no intervals; here they are 1 to 2, 2 to 4, … up to 300 to 600 seconds.
    """
    for retry in (1, 2, 3, 8):
        pauses = {rule_pause(retry) for _ in range(50)}
        assert len(pauses) > 1
        assert 2**retry / 2 <= min(pauses) <= max(pauses) <= 2**retry
    assert max(rule_pause(retry) for retry in range(1, 186)) <= 600


def test_fifo_queue_cannot_be_dead_letter_queue_of_a_rule(events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    fifo = queue("dead.fifo", FifoQueue="true")
    with pytest.raises(events.exceptions.ClientError, match="must be a standard queue"):
        rule(queue().arn, DeadLetterConfig={"Arn": fifo.arn})


def test_event_lost_without_its_dead_letter_queue_is_recorded(local, send, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    deleted = f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted"
    rule(deleted, DeadLetterConfig={"Arn": f"{deleted}-too"})
    event_id = send(entry())["Entries"][0]["EventId"]
    assert any("lost: The queue" in error for error in local.trace(event_id).errors())
