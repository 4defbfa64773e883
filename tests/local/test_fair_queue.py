"""The queue of invocations: an equal share of the workers for each function."""

from collections import Counter
from types import SimpleNamespace

import pytest

from millrace.local.workers.fair_queue import FairQueue

LIMIT = 4


@pytest.fixture
def queue():
    return FairQueue(most_of_one=3)


def add(queue, **counts):
    for name, count in counts.items():
        for _ in range(count):
            queue.add(SimpleNamespace(spec=SimpleNamespace(name=name)))


def fill(queue, running):
    """Give every free worker an invocation."""
    while len(running) < LIMIT and (job := queue.take()):
        queue.started(job.spec.name)
        running.append(job.spec.name)


def test_a_slow_function_holds_one_worker_while_four_others_have_a_backlog(queue):
    add(queue, slow=150, one=150, two=150, three=150, four=150)
    running, ended = [], Counter()
    for _ in range(100):  # rounds in which every invocation ends, but those of the slow function
        fill(queue, running)
        for name in [name for name in running if name != "slow"]:
            running.remove(name)
            queue.ended(name)
            ended[name] += 1
    assert running == ["slow"]
    assert ended == dict.fromkeys(("one", "two", "three", "four"), 75)


def test_one_function_never_holds_every_worker(queue):
    add(queue, slow=10)
    running = []
    fill(queue, running)
    add(queue, other=1)
    fill(queue, running)
    assert running == ["slow", "slow", "slow", "other"]


def test_the_cost_of_the_next_invocation_does_not_grow_with_the_backlog(queue):
    add(queue, one=20_000, two=20_000)
    visited = []
    queue._running = Counter()
    queue._running.__class__ = type("Counting", (Counter,), {"__missing__": lambda _, name: visited.append(name) or 0})
    assert queue.take().spec.name == "one"
    assert len(visited) <= 4
