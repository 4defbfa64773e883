"""The scheduler: order of actions, clock, holds and settling."""

import math
import threading
import time

import pytest

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import NotSettledError, Scheduler


@pytest.fixture
def scheduler():
    return Scheduler(Clock())


def drive(scheduler, stop):
    """Run the scheduler on its own thread, like the local cloud."""
    woken = threading.Event()
    scheduler.wake = woken.set

    def run():
        while not stop.is_set():
            pause = scheduler.run_due()
            woken.wait(pause)
            woken.clear()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def driven(scheduler):
    stop = threading.Event()
    thread = drive(scheduler, stop)
    yield scheduler
    stop.set()
    scheduler.wake()
    thread.join()


def test_actions_due_at_the_same_time_run_in_scheduling_order(scheduler):
    done = []
    for number in range(3):
        scheduler.at(scheduler.clock.now(), lambda number=number: done.append(number), "count")
    scheduler.run_due()
    assert done == [0, 1, 2]


def test_order_function_orders_actions_due_at_the_same_time():
    choices = iter([3.0, 1.0, 2.0])
    scheduler, done, now = Scheduler(Clock(), order=lambda: next(choices)), [], Clock().now()
    for number in range(3):
        scheduler.at(now, lambda number=number: done.append(number), "count")
    scheduler.run_due()
    assert done == [1, 2, 0]


def test_action_runs_only_when_it_is_due(scheduler):
    scheduler.after(3600, pytest.fail, "an hour from now")
    assert scheduler.run_due() == pytest.approx(3600, abs=1)


def test_settle_skips_idle_time(driven):
    began, done = driven.clock.now(), []
    driven.after(3600, lambda: driven.after(3600, lambda: done.append(driven.clock.now()), "two"), "one")
    driven.settle(5)
    assert done[0] - began == pytest.approx(7200, abs=2)


def test_time_is_not_skipped_while_a_hold_is_open(driven):
    release = driven.hold("a function").release
    driven.after(3600, pytest.fail, "an hour from now")
    with pytest.raises(NotSettledError, match="a function, an hour from now"):
        driven.settle(0.05)
    driven.cancel(driven._items[0])
    release()
    driven.settle(5)


def test_clock_does_not_follow_the_wall_clock_backward(monkeypatch):
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: before - 3600)
    assert before <= clock.now() < before + 60
    assert clock.wall_clock_offset == pytest.approx(3600, abs=60)


def test_retry_is_due_although_the_wall_clock_went_backward(scheduler, monkeypatch):
    done, wall = [], time.time()
    scheduler.soon(lambda: done.append("retry"), "a retry")
    monkeypatch.setattr(time, "time", lambda: wall - 3600)
    scheduler.run_due()
    assert done == ["retry"]


def test_hold_ends_with_its_block(driven):
    with driven.hold("a function"):
        pass
    driven.settle(5)


def test_handed_over_hold_ends_when_it_is_released(driven):
    with driven.hold("a function") as hold:
        hold.hand_over()
    assert driven.under_way() == "a function"
    hold.release()
    driven.settle(5)


def test_hold_ends_when_its_block_fails(driven):
    with pytest.raises(OSError, match="disk"), driven.hold("a function"):
        raise OSError("disk")
    driven.settle(5)


def test_settle_is_notified_once_after_many_actions(scheduler, monkeypatch):
    wakes = []
    monkeypatch.setattr(scheduler._changed, "notify_all", lambda: wakes.append(1))
    scheduler._skip_limits = [math.inf]
    for _ in range(1000):
        scheduler.soon(lambda: None, "count")
    scheduler.run_due(1000)
    assert len(wakes) == 1


def test_suspended_hold_allows_skipping_time(driven):
    release = driven.hold("an execution").release
    resume = driven.suspend("an execution")
    driven.after(3600, lambda: (resume(), release()), "its wait")
    driven.settle(5)
    assert driven.under_way() == "nothing"


def test_schedule_does_not_prevent_settling(driven):
    driven.at(driven.clock.now() + 60, pytest.fail, "every minute", flow=False)
    driven.settle(5)


def test_cancelled_action_does_not_run(driven):
    driven.cancel(driven.after(1, pytest.fail, "a retry"))
    driven.settle(5)


def test_actions_can_be_scheduled_from_any_thread(driven):
    done = []
    threads = [threading.Thread(target=driven.soon, args=(lambda: done.append(1), "count")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    driven.settle(5)
    assert len(done) == 20


def test_steps_leave_no_timers(empty_cloud):
    scheduler, timers = empty_cloud.scheduler, empty_cloud._loop._scheduled
    later = scheduler.at(scheduler.clock.now() + 3600, pytest.fail, "a schedule", flow=False)
    for _ in range(100):
        empty_cloud.on_loop(lambda: scheduler.soon(lambda: None, "count"))
        empty_cloud.settle(5)
    scheduler.cancel(later)
    assert sum(3000 < timer.when() - empty_cloud._loop.time() < 3700 for timer in list(timers)) <= 1


def test_failing_actions_do_not_prevent_later_actions(empty_cloud):
    ran, scheduler = [], empty_cloud.scheduler
    actions = [*[{}.popitem] * 9, lambda: ran.append("after")]
    empty_cloud.on_loop(lambda: [scheduler.soon(action, "a test") for action in actions])
    empty_cloud.settle(5)
    assert ran == ["after"]


def test_settle_does_not_skip_more_than_its_limit(driven):
    began = driven.clock.now()
    driven.after(60, lambda: driven.after(24 * 3600, pytest.fail, "an open circuit"), "a retry")
    with pytest.raises(NotSettledError, match=r"nothing is due within 3600 s\. What waits longer: an open circuit"):
        driven.settle(5, 3600)
    assert driven.clock.now() - began < 3600
