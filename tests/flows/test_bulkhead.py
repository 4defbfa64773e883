"""Bulkheads: each processor has its own queue and its own limit."""

import pytest


@pytest.fixture(scope="module")
def attempts(flows):
    """When each attempt of the slow and of the quick one began and ended, after a rush of events."""
    called = [flows.put("test.pace", "Called", key=f"k{number}") for number in range(16)]
    flows.settle()
    traces = [flows.cloud.trace(correlation_id) for correlation_id in called]

    def of(name):
        found = [attempt for trace in traces for attempt in trace.work(name).attempts]
        return sorted((attempt.at, attempt.at + attempt.duration_ms / 1000) for attempt in found)

    return of


def test_a_slow_consumer_slows_nobody_else(attempts):
    slow, quick = attempts("dawdle"), attempts("hurry")
    assert len(slow) == len(quick) == 16
    assert max(end for _, end in quick) < max(start for start, _ in slow)


def test_a_processor_never_runs_more_often_at_once_than_its_bulkhead_allows(attempts):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency"""
    slow = attempts("dawdle")
    assert max(sum(began <= start < ended for began, ended in slow) for start, _ in slow) == 2
