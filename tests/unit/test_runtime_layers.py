"""The Lambda architecture: at every step, batch views and speed views together are the truth."""

import json
import random
from collections import Counter, defaultdict

import boto3
import duckdb
import pytest

from millrace.runtime.layers import Archive, Views

DAYS = [f"2026-03-{day:02}" for day in range(1, 8)]


class Killed(Exception):
    pass


@pytest.fixture
def bucket(dynamodb):
    """An empty bucket of moto's S3."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="sales")
    yield s3
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="sales"):
        for found in page.get("Contents", ()):
            s3.delete_object(Bucket="sales", Key=found["Key"])
    s3.delete_bucket(Bucket="sales")


@pytest.fixture
def sales(table, bucket):
    return Sales(Views(table("id")), Archive(bucket, "sales"))


class Sales:
    """Records sales and runs batches, and knows the truth."""

    def __init__(self, views, archive):
        self.views, self.archive = views, archive
        self.truth = defaultdict(Counter)

    def sell(self, number, day, cents):
        self.views.record(self.archive, f"e-{number}", day, {"cents": cents}, {"orders": 1, "cents": cents})

    def sold(self, number, day, cents):
        self.sell(number, day, cents)
        self.truth[day] += Counter(orders=1, cents=cents)

    def batch(self, fail_after=None):
        run = self.views.close()
        for number, day in enumerate(DAYS):
            if number == fail_after:
                raise Killed
            self.views.store(run, day, by_duckdb(self.archive.read(self.archive.keys(run, day))))
        assert self.views.publish(run)

    def holds(self):
        return {day: self.views.of_day(day) for day in DAYS} == {day: dict(self.truth[day]) for day in DAYS}


def by_duckdb(events):
    """Compute a view from the JSON of events. An event that is archived twice counts once."""
    rows = [(each["event_id"], each["cents"]) for each in map(json.loads, events)]
    if not rows:
        return {}
    ids, cents = zip(*rows, strict=True)
    found = duckdb.execute(
        "select count(*), sum(cents)::bigint from (select distinct unnest($ids) id, unnest($cents) cents)",
        {"ids": list(ids), "cents": list(cents)},
    ).fetchone()
    return dict(zip(("orders", "cents"), found, strict=True))


def test_batch_and_speed_are_the_truth_at_every_step_of_a_week(sales):
    draw = random.Random(4)
    for number in range(60):
        sale = number, draw.choice(DAYS), draw.randrange(100, 9000)
        sales.sold(*sale)
        if number % 7 == 0:
            sales.sell(*sale)  # it is delivered again
        if number % 15 == 14:
            sales.batch()
        assert sales.holds(), number


def test_failing_batch_and_its_repeat_change_nothing(sales):
    sales.sold(1, DAYS[0], 500)
    with pytest.raises(Killed):
        sales.batch(fail_after=3)
    sales.sold(2, DAYS[0], 700)
    assert sales.holds()
    sales.batch()
    assert sales.holds()


def test_late_event_of_a_covered_day_is_in_the_speed_view(sales):
    sales.sold(1, DAYS[0], 500)
    sales.batch()
    sales.sold(2, DAYS[0], 700)
    assert sales.views.of_day(DAYS[0]) == {"orders": 2, "cents": 1200}
    sales.batch()
    assert sales.holds()


def test_event_delivered_again_after_its_batch_counts_once(sales):
    sales.sold(1, DAYS[0], 500)
    sales.batch()
    sales.sell(1, DAYS[0], 500)
    assert sales.holds()
    sales.batch()
    assert sales.holds()


@pytest.mark.parametrize("call", ["put_object", "transact_write_items"])
def test_writer_that_is_killed_before_a_batch_counts_once_when_it_comes_again(sales, monkeypatch, call):
    with monkeypatch.context() as broken:
        owner = sales.archive.objects if call == "put_object" else sales.views._table.meta.client

        def kill(**_):
            raise Killed

        broken.setattr(owner, call, kill)
        with pytest.raises(Killed):
            sales.sell(1, DAYS[0], 500)
    sales.batch()
    sales.sold(1, DAYS[0], 500)
    assert sales.holds()
    sales.batch()
    assert sales.holds()


def test_older_run_does_not_replace_a_later_one(sales):
    older, later = sales.views.close(), sales.views.close()
    assert (sales.views.publish(later), sales.views.publish(older)) == (True, False)
