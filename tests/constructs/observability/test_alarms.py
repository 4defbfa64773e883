"""The alarms of the shop: rates, losses, and a section of the runbook for each."""

import re
from pathlib import Path

import pytest

from millrace.constructs import AlarmTopicError, Bus

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"


def metrics(template):
    """Return the names of all metrics of alarms."""
    alarms = template.of("CloudWatch::Alarm").values()
    stats = [m["MetricStat"]["Metric"]["MetricName"] for a in alarms for m in a.get("Metrics", ()) if "MetricStat" in m]
    return {*stats, *(alarm["MetricName"] for alarm in alarms if "MetricName" in alarm)}


def test_every_alarm_links_to_a_section_of_the_runbook(template):
    sections = {heading.lower() for heading in re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)}
    descriptions = [alarm["AlarmDescription"] for alarm in template.of("CloudWatch::Alarm").values()]
    assert {text.rpartition("docs/runbook.md#")[2] for text in descriptions} <= sections


def test_alarms_watch_every_metric_of_a_loss(template):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    assert {
        "FailedInvocations",
        "InvocationsFailedToBeSentToDlq",
        "RecursiveInvocationsDropped",
        "AsyncEventsDropped",
        "DestinationDeliveryFailures",
        "ExecutionsAborted",
        "5xx",
        "Latency",
        "WriteThrottleEvents",
    } <= metrics(template)


def test_only_the_alarm_of_a_dead_letter_queue_keeps_its_state_without_data(template):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html"""
    alarms = template.of("CloudWatch::Alarm").values()
    kinds = {(a["AlarmDescription"].endswith("#deadletters"), a["TreatMissingData"]) for a in alarms}
    assert kinds == {(True, "ignore"), (False, "notBreaching")}


def test_errors_of_a_function_are_a_share_of_its_invocations(template):
    alarms = [a for a in template.of("CloudWatch::Alarm").values() if a["AlarmDescription"].endswith("#errors")]
    assert {(a["Threshold"], a["DatapointsToAlarm"], a["EvaluationPeriods"]) for a in alarms} == {(5, 2, 3)}
    assert all("100 * m" in str(alarm["Metrics"]) for alarm in alarms)


def test_alarms_may_publish_to_the_topic_under_the_key_of_the_bus(stack, synthesised):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    Bus(stack, "Bus", name="test", alarm_topic="ops@example.com", encryption_key="create")
    template = synthesised()
    policies = [*template.of("SNS::TopicPolicy").values(), *template.of("KMS::Key").values()]
    documents = [policy.get("PolicyDocument") or policy["KeyPolicy"] for policy in policies]
    sources = [s["Condition"]["ArnLike"] for d in documents for s in d["Statement"] if s.get("Sid") == "Alarms"]
    assert len(sources) == 2
    assert all(":alarm:*" in str(source["aws:SourceArn"]) for source in sources)


def test_alarm_topic_that_is_no_address_raises(stack):
    with pytest.raises(AlarmTopicError, match="alarm_topic is 'ops': give an e-mail address"):
        Bus(stack, "Bus", name="test", alarm_topic="ops")
