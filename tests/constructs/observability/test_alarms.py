"""The alarms of the shop: rates, losses, and a section of the runbook for each."""

import re
from pathlib import Path

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


def test_errors_of_a_function_are_a_share_of_its_invocations(template):
    alarms = [a for a in template.of("CloudWatch::Alarm").values() if a["AlarmDescription"].endswith("#errors")]
    assert {(a["Threshold"], a["DatapointsToAlarm"], a["EvaluationPeriods"]) for a in alarms} == {(5, 2, 3)}
    assert all("100 * m" in str(alarm["Metrics"]) for alarm in alarms)
