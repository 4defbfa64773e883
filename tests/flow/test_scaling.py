"""The arithmetic of rates, quotas, cells and cost."""

import pytest

from millrace.flow.cost import Assumptions
from millrace.flow.scaling import RATES, scale, shards

FLOW = {"events": 2, "deliveries": 3, "invocations": 2, "table writes": 4}


def test_quota_with_the_highest_share_binds_first():
    found = scale(FLOW, 1_000)
    assert found.uses[0].quota.name == "EventBridge PutEvents"
    assert [round(use.share, 4) for use in found.uses] == [0.2, 0.2, 0.16, 0.1]


def test_executions_of_workflows_start_at_300_a_second():
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    found = scale({"executions": 1, "transitions": 14}, 1_000)
    assert [use.quota.name for use in found.uses] == [
        "Step Functions StartExecution",
        "Step Functions state transitions",
    ]
    assert found.cells == 4


@pytest.mark.parametrize(("rate", "cells"), [*zip(RATES, (1, 1, 20, 2_000), strict=True)])
def test_cells_grow_with_the_rate(rate, cells):
    assert scale(FLOW, rate).cells == cells


def test_concurrency_is_rate_times_duration():
    found = scale({"invocations": 1}, 100, Assumptions(milliseconds=250))
    assert [(use.quota.name, use.used) for use in found.uses] == [("Lambda concurrent executions", 25)]


@pytest.mark.parametrize(
    ("records", "size", "needed"), [(1_000, 100, 1), (1_001, 100, 2), (1_000, 5_000, 5), (0, 1, 0)]
)
def test_records_or_bytes_determine_the_shards(records, size, needed):
    assert shards(records, size) == needed


def test_month_costs_the_rate_times_the_price_of_an_event():
    assert scale({"events": 1}, 10).dollars_a_month == pytest.approx(10 * 30 * 86_400 / 1e6)


def test_month_of_a_stream_includes_the_hours_of_its_shards():
    """https://aws.amazon.com/kinesis/data-streams/pricing/"""
    month = scale({"stream records": 1}, 1_500).dollars_a_month
    assert month == pytest.approx(1_500 * 30 * 86_400 * 0.014 / 1e6 + 2 * 720 * 0.015)


def test_each_shard_has_a_concurrent_invocation():
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    found = scale({"stream records": 1, "invocations": 0.001}, 10_000_000, Assumptions(event_bytes=100))
    used = {use.quota.name: use.used for use in found.uses}
    assert (used["Lambda concurrent executions"], used["Kinesis shards"], found.cells) == (10_000, 10_000, 10)
