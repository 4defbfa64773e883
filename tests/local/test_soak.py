"""A short soak: what `make soak` does with ten thousand orders."""

import soak


def test_orders_end_well_while_calls_fail_are_killed_and_come_twice(cloud, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)
    monkeypatch.chdir(soak.ROOT)
    soaked = soak.soak(cloud, 20, 1, {"failing": 0.1, "killed": 0.02, "doubled": 0.05})
    assert soaked.wrong == []
    assert soaked.ends == {"OrderCompleted": 16, "OrderRejected": 4}
    assert {"refused", "unheard", "doubled"} <= soaked.faults.keys()
