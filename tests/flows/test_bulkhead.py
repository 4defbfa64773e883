"""Bulkheads: each processor has its own queue and concurrency limit."""

import pytest


@pytest.fixture(scope="module")
def attempts(flows):
    """Start and end of each attempt of a slow and a fast processor after a burst of events."""
    called = [flows.put("test.pace", "Called", key=f"k{number}") for number in range(16)]
    flows.settle()
    traces = [flows.cloud.trace(correlation_id) for correlation_id in called]

    def of(name):
        found = [attempt for trace in traces for attempt in trace.work(name).attempts]
        return sorted((attempt.at, attempt.at + attempt.duration_ms / 1000) for attempt in found)

    return of


def test_slow_processor_does_not_slow_others(attempts):
    slow, quick = attempts("slow_down"), attempts("hurry")
    assert len(slow) == len(quick) == 16
    assert max(end for _, end in quick) < max(start for start, _ in slow)


def test_processor_concurrency_is_limited_by_its_bulkhead(attempts):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html#events-sqs-max-concurrency"""
    slow = attempts("slow_down")
    assert max(sum(began <= start < ended for began, ended in slow) for start, _ in slow) == 2
