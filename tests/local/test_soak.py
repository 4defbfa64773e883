"""A short soak test; `make soak` runs it with ten thousand orders."""

import soak


def test_orders_complete_despite_failed_killed_duplicate_and_conflicting_calls(cloud, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)
    monkeypatch.chdir(soak.ROOT)
    rates = {"failing": 0.1, "killed": 0.02, "doubled": 0.05, "conflicts": 0.02}
    soaked = soak.soak(cloud, 20, 1, rates, outage=0.9)
    assert soaked.wrong == []
    assert soaked.ends == {"OrderCompleted": 16, "OrderRejected": 4}
    assert {"rejected", "response_lost", "doubled", "conflict"} <= soaked.faults.keys()


def test_outage_affects_only_calls_of_one_function(stocked, put):
    stocked.fail("award_points", seed=1, failing=1.0)
    flow = put("order_placed")
    stocked.settle(3600)
    stocked.fail(seed=0)
    works = stocked.trace(flow).works()
    assert {work.name for work in works if any(tried.outcome != "ok" for tried in work.attempts)} == {"award_points"}
