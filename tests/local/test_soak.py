"""A short soak: what `make soak` does with ten thousand orders."""

import soak


def test_orders_end_well_while_calls_fail_are_killed_come_twice_and_conflict(cloud, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)
    monkeypatch.chdir(soak.ROOT)
    rates = {"failing": 0.1, "killed": 0.02, "doubled": 0.05, "conflicts": 0.02}
    soaked = soak.soak(cloud, 20, 1, rates, outage=0.9)
    assert soaked.wrong == []
    assert soaked.ends == {"OrderCompleted": 16, "OrderRejected": 4}
    assert {"refused", "response_lost", "doubled", "conflict"} <= soaked.faults.keys()


def test_an_outage_meets_the_calls_of_one_function_alone(stocked, put):
    stocked.fail("award_points", seed=1, failing=1.0)
    flow = put("order_placed")
    stocked.settle(3600)
    stocked.fail(seed=0)
    works = stocked.trace(flow).works()
    assert {work.name for work in works if any(tried.outcome != "ok" for tried in work.attempts)} == {"award_points"}
