"""The agenda: one order, one clock, and when a flow has settled."""

import threading

import pytest

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import Agenda, NotSettledError


@pytest.fixture
def agenda():
    return Agenda(Clock())


def drive(agenda, stop):
    """Run the agenda on a thread of its own, as the local cloud does."""
    woken = threading.Event()
    agenda.wake = woken.set

    def run():
        while not stop.is_set():
            pause = agenda.run_due()
            woken.wait(pause)
            woken.clear()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def driven(agenda):
    stop = threading.Event()
    thread = drive(agenda, stop)
    yield agenda
    stop.set()
    agenda.wake()
    thread.join()


def test_actions_of_one_moment_run_in_the_order_in_which_they_came(agenda):
    done = []
    for number in range(3):
        agenda.at(agenda.clock.now(), lambda number=number: done.append(number), "count")
    agenda.run_due()
    assert done == [0, 1, 2]


def test_the_scheduler_chooses_the_order_of_one_moment():
    choices = iter([3.0, 1.0, 2.0])
    agenda, done, now = Agenda(Clock(), order=lambda: next(choices)), [], Clock().now()
    for number in range(3):
        agenda.at(now, lambda number=number: done.append(number), "count")
    agenda.run_due()
    assert done == [1, 2, 0]


def test_what_is_later_waits_for_its_moment(agenda):
    agenda.after(3600, pytest.fail, "an hour from now")
    assert agenda.run_due() == pytest.approx(3600, abs=1)


def test_settling_leaps_over_the_time_in_which_everything_waits(driven):
    begun, done = driven.clock.now(), []
    driven.after(3600, lambda: driven.after(3600, lambda: done.append(driven.clock.now()), "two"), "one")
    driven.settle(5)
    assert done[0] - begun == pytest.approx(7200, abs=2)


def test_time_does_not_leap_while_something_is_under_way(driven):
    release = driven.hold("a function")
    driven.after(3600, pytest.fail, "an hour from now")
    with pytest.raises(NotSettledError, match="a function, an hour from now"):
        driven.settle(0.05)
    driven.cancel(driven._items[0])
    release()
    driven.settle(5)


def test_what_only_waits_lets_time_leap(driven):
    release = driven.hold("an execution")
    resume = driven.suspend("an execution")
    driven.after(3600, lambda: (resume(), release()), "its wait")
    driven.settle(5)
    assert driven.under_way() == "nothing"


def test_a_schedule_does_not_keep_a_flow_from_settling(driven):
    driven.at(driven.clock.now() + 60, pytest.fail, "every minute", flow=False)
    driven.settle(5)


def test_what_is_cancelled_does_not_run(driven):
    driven.cancel(driven.after(1, pytest.fail, "a retry"))
    driven.settle(5)


def test_an_action_may_come_from_any_thread(driven):
    done = []
    threads = [threading.Thread(target=driven.soon, args=(lambda: done.append(1), "count")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    driven.settle(5)
    assert len(done) == 20


def test_actions_that_raise_keep_none_after_them(empty_cloud):
    ran, agenda = [], empty_cloud.agenda
    actions = [*[{}.popitem] * 9, lambda: ran.append("after")]
    empty_cloud.on_plane(lambda: [agenda.soon(action, "a test") for action in actions])
    empty_cloud.settle(5)
    assert ran == ["after"]
