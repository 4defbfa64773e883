"""Rules and their targets: who is reached, how often it is tried, and where it ends."""

import json
from http import HTTPStatus

import pytest
from bus_kit import ACCOUNT, attributes, entry

from millrace.local.core.delivery import rule_retry_delay

pytest_plugins = ["bus_fixtures"]


def test_a_disabled_rule_delivers_nothing_until_it_is_enabled(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html"""
    seen = queue()
    rule(seen.arn)
    events.disable_rule(Name="rule")
    send({"n": 1})
    events.enable_rule(Name="rule")
    send({"n": 2})
    assert [event["detail"] for event in seen.events()] == [{"n": 2}]


def test_a_rule_of_another_bus_sees_nothing(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html"""
    events.create_event_bus(Name="shop")
    seen = queue()
    rule(seen.arn, bus="shop")
    send({})
    assert seen.messages() == []


def test_targets_are_reached_each_on_its_own(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    first, last = queue("first"), queue("last")
    rule(first.arn)
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"
    events.put_targets(Rule="rule", Targets=[{"Id": "2", "Arn": gone}, {"Id": "3", "Arn": last.arn}])
    answer = send({})
    assert answer["FailedEntryCount"] == 0
    assert len(first.messages()) == len(last.messages()) == 1


def test_a_rule_takes_five_targets_and_no_more(events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
    arn = queue().arn
    rule(arn)
    events.put_targets(Rule="rule", Targets=[{"Id": str(n), "Arn": arn} for n in range(1, 6)])
    with pytest.raises(events.exceptions.LimitExceededException):
        events.put_targets(Rule="rule", Targets=[{"Id": "6", "Arn": arn}])


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone",
        f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:gone",
        f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:gone",
        f"arn:aws:sns:us-east-1:{ACCOUNT}:gone",
        f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/gone",
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:gone:*",
        f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/gone",
        f"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/gone/1234",
    ],
)
def test_an_event_for_a_target_that_is_gone_becomes_a_dead_letter_at_once(send, queue, rule, arn):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    dead = queue("dead")
    rule_arn = rule(arn, DeadLetterConfig={"Arn": dead.arn})
    event_id = send({})["Entries"][0]["EventId"]
    (letter,) = dead.messages()
    assert json.loads(letter["Body"])["id"] == event_id
    told = attributes(letter)
    assert told.pop("ERROR_MESSAGE")
    assert told == {"RULE_ARN": rule_arn, "TARGET_ARN": arn, "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0"}


def test_a_dead_letter_is_the_event_and_not_the_input_of_the_target(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    dead = queue("dead")
    rule(f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone", Input="{}", DeadLetterConfig={"Arn": dead.arn})
    send({"n": 1})
    assert dead.events()[0]["detail"] == {"n": 1}


def test_an_event_without_a_dead_letter_queue_is_dropped_and_told(local, send, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html"""
    rule(f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone")
    event_id = send({})["Entries"][0]["EventId"]
    assert any("NO_RESOURCE" in error for error in local.trace(event_id).errors())


def test_a_retriable_error_is_tried_again_up_to_the_attempts_of_the_target(send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, RetryPolicy={"MaximumRetryAttempts": 3}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    told = attributes(dead.messages()[0])
    assert len(target.requests) == 4
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert told["RETRY_ATTEMPTS"] == "3"


def test_without_a_policy_it_is_tried_185_times_within_a_day(local, send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, DeadLetterConfig={"Arn": dead.arn})
    began = local.scheduler.clock.now()
    send({})
    told = attributes(dead.messages()[0])
    assert local.scheduler.clock.now() - began <= 24 * 3600 + 60
    assert told["EXHAUSTED_RETRY_CONDITION"] in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
    assert len(target.requests) == int(told["RETRY_ATTEMPTS"]) + 1 <= 186


def test_an_event_over_the_age_of_the_target_is_given_up(local, send, queue, rule, endpoint):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    dead = queue("dead")
    target = endpoint(HTTPStatus.SERVICE_UNAVAILABLE)
    rule(target.arn, RetryPolicy={"MaximumEventAgeInSeconds": 60}, DeadLetterConfig={"Arn": dead.arn})
    send({})
    told = attributes(dead.messages()[0])
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
    assert int(told["RETRY_ATTEMPTS"]) == len(target.requests) - 1 >= 3


def test_the_pauses_grow_exponentially_with_jitter():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    Differs: AWS gives no figures; here they are 1 to 2, 2 to 4, … up to 300 to 600 seconds.
    """
    for retry in (1, 2, 3, 8):
        pauses = {rule_retry_delay(retry) for _ in range(50)}
        assert len(pauses) > 1
        assert 2**retry / 2 <= min(pauses) <= max(pauses) <= 2**retry
    assert max(rule_retry_delay(retry) for retry in range(1, 186)) <= 600


def test_a_fifo_queue_cannot_be_a_dead_letter_queue(events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    fifo = queue("dead.fifo", FifoQueue="true")
    with pytest.raises(events.exceptions.ClientError, match="must be a standard queue"):
        rule(queue().arn, DeadLetterConfig={"Arn": fifo.arn})


def test_a_dead_letter_queue_that_is_gone_loses_the_event_and_says_so(local, send, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"
    rule(gone, DeadLetterConfig={"Arn": f"{gone}-too"})
    event_id = send(entry())["Entries"][0]["EventId"]
    assert any("lost: The queue" in error for error in local.trace(event_id).errors())
