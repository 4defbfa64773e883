"""Simulation finds planted bugs, and reduces the faults to those that matter."""

import pytest
from planted import Paid

from millrace.testing.simulation import NotDeterministicError, SimulationError
from millrace.testing.simulation.decorator import Options, Search
from millrace.testing.simulation.runs import Runner, smallest

SEEDS = 200


@pytest.fixture
def search(bank):
    """Search for a seed with which a test fails. Returns the message."""

    def searched(test, replay=None):
        Search(Runner(bank, None, test), test, Options(replay=replay)).search(SEEDS)

    return searched


def counted_once(simulation):
    simulation.put(Paid(to="repeats"))
    simulation.settle()
    assert rows(simulation)["a"]["cents"] == 100


def opened_once(simulation):
    simulation.put(Paid(to="publishes_first"))
    simulation.settle()
    assert simulation.trace.count("Opened") == 1


def last_payment_wins(simulation):
    simulation.put(Paid(to="trusts_order", cents=1))
    simulation.put(Paid(to="trusts_order", cents=2))
    simulation.settle()
    assert rows(simulation)["a"]["cents"] == 2


def both_payments_count(simulation):
    simulation.put(Paid(to="reads_then_writes", cents=1))
    simulation.put(Paid(to="reads_then_writes", cents=2))
    simulation.settle()
    processed = {each.event_id for each in simulation.trace.deliveries() if each.more["outcome"] == "ok"}
    assert len(processed) < 2 or rows(simulation)["a"]["cents"] >= 3


def every_message_is_stored(simulation):
    sqs = simulation.client("sqs")
    url = sqs.get_queue_url(QueueName="ordered.fifo")["QueueUrl"]
    for body in "xyz":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
    simulation.settle()
    assert set(rows(simulation)) == set("xyz")


def saga_restores_stock(simulation):
    simulation.put(Paid(to="saga"))
    simulation.settle()
    assert rows(simulation)["stock"]["left"] == (9 if "payment" in rows(simulation) else 10)


def rows(simulation):
    return {item["id"]: item for item in simulation.items("state")}


def test_search_for_the_fewest_faults_ends_after_a_time(search, monkeypatch):
    monkeypatch.setattr("millrace.testing.simulation.decorator.REDUCTION_SECONDS", 0.0)
    with pytest.raises(SimulationError, match=r"reduced from (\d+) faults to \1 in 0 s; fewer may do"):
        search(counted_once)


@pytest.mark.parametrize(
    "test",
    [
        counted_once,
        opened_once,
        last_payment_wins,
        both_payments_count,
        every_message_is_stored,
        saga_restores_stock,
    ],
)
def test_a_planted_bug_is_found_and_reduced_to_three_faults(search, test):
    with pytest.raises(SimulationError) as found:
        search(test)
    faults = str(found.value).partition("faults to ")[2].partition(":")[0]
    assert 1 <= int(faults) <= 3
    assert "AssertionError" in str(found.value)


def test_a_reduced_run_can_be_replayed(search):
    with pytest.raises(SimulationError) as found:
        search(counted_once)
    replay = str(found.value).rpartition("--replay=")[2]
    with pytest.raises(SimulationError, match="AssertionError"):
        search(counted_once, replay)


def reads_real_time(simulation):
    simulation.put(Paid(to="reads_real_time"))
    simulation.settle()


def test_a_handler_that_reads_the_real_time_is_not_deterministic(search):
    with pytest.raises(NotDeterministicError, match=r"not deterministic: .*test_simulation\.py::reads_real_time"):
        search(reads_real_time)


def starts_a_thread(simulation):
    simulation.put(Paid(to="starts_a_thread"))
    simulation.settle()


def test_a_handler_that_starts_a_thread_is_named_with_its_line(search):
    with pytest.raises(
        NotDeterministicError, match=r"not deterministic: .*starts_a_thread\.py:\d+: .*starts the thread"
    ):
        search(starts_a_thread)


def reads_clocks(simulation):
    simulation.put(Paid(to="reads_clocks"))
    simulation.settle()


def test_clocks_ids_and_random_numbers_of_python_follow_the_seed(run):
    first, second, other = (run(reads_clocks, seed, given=()).digest for seed in (1, 1, 2))
    assert first == second != other


def test_a_replay_with_a_fault_that_the_seed_does_not_have_is_an_error(search):
    with pytest.raises(ValueError, match="seed 1 has the faults"):
        search(counted_once, "1:999")


def test_delta_debugging_keeps_the_faults_that_matter_together():
    assert smallest(range(40), lambda kept: {3, 17, 31} <= set(kept)) == (3, 17, 31)


def test_delta_debugging_keeps_nothing_if_a_run_fails_without_faults():
    assert smallest(range(40), lambda _: True) == ()
