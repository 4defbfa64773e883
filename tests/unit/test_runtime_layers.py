"""The Lambda architecture: at every step, batch views and speed views together are the truth."""

import random
from collections import Counter, defaultdict
from datetime import date

import boto3
import duckdb
import pytest

from functions.compute_sales.handler import handler as compute_sales
from functions.show_sales.handler import handler as show_sales
from millrace.events import Event, Metadata
from millrace.runtime import SignatureError, SpeedView, batch_view, processor
from millrace.runtime.batch_views import BatchViewError
from millrace.runtime.layers.archive import Archive
from millrace.runtime.layers.views import BatchRuns, ServingView

DAYS = [date(2026, 3, day) for day in range(1, 8)]


class Killed(Exception):
    pass


class Sold(Event, source="test.sales", terminal="it is a test"):
    cents: int


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
def table(dynamodb):
    """An empty table with the key of the views."""
    names = ("id", "HASH", "S"), ("generation", "RANGE", "N")
    made = dynamodb.create_table(
        TableName="views",
        KeySchema=[{"AttributeName": name, "KeyType": role} for name, role, _ in names],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, _, kind in names],
        BillingMode="PAY_PER_REQUEST",
    )
    yield made
    made.delete()


@pytest.fixture
def sales(table, bucket):
    return Sales(table, Archive(bucket, "sales"))


class Sales:
    """Records sales and runs batches, and knows the truth."""

    def __init__(self, table, archive):
        self.table, self.archive = table, archive
        self.speed, self.serving, self.runs = SpeedView(table, archive), ServingView(table), BatchRuns(table, archive)
        self.truth = defaultdict(Counter)

    def sell(self, number, day, cents):
        metadata = Metadata.root(producer="test").model_copy(update={"event_id": f"e-{number}"})
        sold = Sold(cents=cents).stamped(metadata)
        amounts = {"orders": 1, "cents": cents}
        self.speed.record(sold, day=day, data={"cents": cents}, amounts=amounts)

    def sold(self, number, day, cents):
        self.sell(number, day, cents)
        self.truth[day] += Counter(orders=1, cents=cents)

    def batch(self, fail_after=None, meanwhile=lambda: None):
        listed = compute_sales.invoked(compute_sales.invoked({}, self.runs), self.runs)
        for number, day in enumerate(listed["days"]):
            if number == fail_after:
                raise Killed
            compute_sales.invoked({"run": listed["run"], "day": day}, self.runs)
            meanwhile()

    def holds(self):
        return {day: self.serving.of(day) for day in DAYS} == {day: dict(self.truth[day]) for day in DAYS}


def test_batch_and_speed_are_the_truth_at_every_step_of_a_week(sales):
    draw = random.Random(4)
    numbers = iter(range(1000))

    def step():
        sale = next(numbers), draw.choice(DAYS), draw.randrange(100, 9000)
        sales.sold(*sale)
        if draw.random() < 0.2:
            sales.sell(*sale)  # it is delivered again
        assert sales.holds(), sale

    for _ in range(4):
        for _ in range(12):
            step()
        sales.batch(meanwhile=step)
    assert sales.holds()


def test_failing_batch_and_its_repeat_change_nothing(sales):
    for number, day in enumerate(DAYS):
        sales.sold(number, day, 500)
    with pytest.raises(Killed):
        sales.batch(fail_after=3)
    sales.sold(8, DAYS[0], 700)
    sales.sold(9, DAYS[5], 900)
    assert sales.holds()
    sales.batch()
    assert sales.holds()


def test_late_event_of_a_covered_day_is_in_the_speed_view(sales):
    sales.sold(1, DAYS[0], 500)
    sales.batch()
    sales.sold(2, DAYS[0], 700)
    week = show_sales(sales.serving, until=DAYS[1])
    assert [(day.orders, day.batch) for day in week.days[:2]] == [(0, False), (2, True)]
    assert sales.serving.of(DAYS[0]) == {"orders": 2, "cents": 1200}
    sales.batch()
    assert sales.holds()


def test_event_delivered_again_after_its_batch_counts_once(sales):
    sales.sold(1, DAYS[0], 500)
    sales.batch()
    sales.sell(1, DAYS[0], 500)
    assert sales.holds()
    sales.batch()
    assert sales.holds()


def test_batch_counts_an_event_once_that_came_again_after_its_record_expired(sales):
    sales.sold(1, DAYS[0], 500)
    sales.batch()
    sales.table.delete_item(Key={"id": "event#e-1", "generation": 0})
    sales.sell(1, DAYS[0], 500)
    assert sales.serving.of(DAYS[0])["orders"] == 2
    sales.batch()
    assert sales.holds()


@pytest.mark.parametrize("call", ["put_object", "transact_write_items"])
def test_writer_that_is_killed_before_a_batch_counts_once_when_it_comes_again(sales, monkeypatch, call):
    with monkeypatch.context() as broken:
        owner = sales.archive.objects if call == "put_object" else sales.table.meta.client

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


def test_total_that_another_transaction_writes_is_written_again(sales, monkeypatch):
    client = sales.table.meta.client
    write, reasons = client.transact_write_items, [{"Code": "None"}, {"Code": "TransactionConflict"}]
    answers = [client.exceptions.TransactionCanceledException({"CancellationReasons": reasons}, "TransactWriteItems")]

    def conflict_once(**request):
        if answers:
            raise answers.pop()
        return write(**request)

    monkeypatch.setattr(client, "transact_write_items", conflict_once)
    sales.sold(1, DAYS[0], 500)
    assert sales.holds()


def test_older_run_does_not_replace_the_view_of_a_later_one(sales):
    older, later = sales.runs.close(), sales.runs.close()
    assert sales.runs.store(later, "2026-03-01", {"orders": 2})
    assert not sales.runs.store(older, "2026-03-01", {"orders": 1})
    assert sales.runs.store(later, "2026-03-01", {"orders": 2})
    assert sales.serving.of(DAYS[0]) == {"orders": 2}


def test_view_of_the_example_is_that_of_duckdb_over_the_archive(sales, tmp_path):
    for number, cents in enumerate((500, 700, 900)):
        sales.sold(number, DAYS[0], cents)
    file = tmp_path / "events.jsonl"
    sales.archive.copy(sales.archive.keys("2026-03-01", 1), file)
    total = duckdb.execute("SELECT sum(cents), count(DISTINCT event_id) FROM read_json(?)", [str(file)]).fetchone()
    assert total == (2100, 3)
    assert compute_sales(file) == {"orders": 3, "cents": 2100}


def test_batch_view_must_take_a_path_and_return_whole_numbers(sales):
    def broken(events: str) -> dict[str, int]:
        return {}

    with pytest.raises(SignatureError, match=r"write def broken\(events: Path\) -> dict\[str, int\]"):
        batch_view(broken)
    sales.sold(1, DAYS[0], 500)
    compute = batch_view(compute_sales.function)
    compute.function = lambda events: {"cents": 1.5}
    with pytest.raises(BatchViewError, match=r"returned \{'cents': 1.5\}: return whole numbers by name"):
        compute.invoked({"run": 1, "day": "2026-03-01"}, sales.runs)


def test_query_takes_a_serving_view_from_its_construct():
    declaration = show_sales.declaration
    assert declaration.resources == {"sales": "ServingView"}
    assert list(declaration.parameters.model_fields) == ["until"]


def test_processor_with_a_speed_view_cannot_be_repeatable():
    def record(sold: Sold, sales: SpeedView) -> None:
        """Record a sale."""

    assert processor(record).declaration.resources == {"sales": "SpeedView"}
    with pytest.raises(SignatureError, match="is repeatable and takes a SpeedView"):
        processor(repeatable="it is not")(record)
