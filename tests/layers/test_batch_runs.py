"""The batch layer takes over from the speed layer, and resumes after failures."""

from datetime import date, timedelta


def test_nightly_batch_takes_over_from_the_speed_view(layers):
    layers.sell("2026-03-01", 500, 700, again=2)
    assert (layers.sales("2026-03-01"), layers.covered("2026-03-01")) == ({"orders": 2, "cents": 1200}, {})
    layers.cloud.advance(hours=24)
    layers.cloud.settle()
    layers.sell("2026-03-01", 900)
    assert layers.covered("2026-03-01") == {"orders": 2, "cents": 1200}
    assert layers.sales("2026-03-01") == {"orders": 3, "cents": 2100}


def test_batch_over_1000_objects_tolerates_failures_and_resumes_by_redrive_of_its_map_run(layers):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html"""
    days = [(date(2025, 1, 1) + timedelta(days=number)).isoformat() for number in range(40)]
    layers.archive_objects(days, each=26)
    for day in days[:3]:
        layers.archive.objects.put_object(Bucket=layers.archive.bucket, Key=f"{key(day)}", Body=b"no json")
    execution = layers.batch()
    assert layers.map_run(execution)[0] == "FAILED"  # 3 of 40 days, and of those of other tests
    layers.archive.objects.put_object(Bucket=layers.archive.bucket, Key=key(days[0]), Body=b'{"cents": 100}')
    layers.states.redrive_execution(executionArn=execution)
    layers.cloud.settle()
    status, run = layers.map_run(execution)
    assert (status, run["redriveCount"]) == ("SUCCEEDED", 1)
    assert (run["itemCounts"]["failed"], run["itemCounts"]["pending"]) == (2, 0)
    assert layers.covered(days[0]) == {"orders": 26, "cents": 2600}


def key(day):
    return f"day={day}/generation=000001/e0.json"
