"""A week of sales in simulation, under all faults: the batch views and the speed views together are the truth."""

import json
import random
from collections import Counter
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.events import Metadata
from millrace.runtime import ServingView
from millrace.testing.simulation import simulate
from millrace.testing.simulation.decorator import Simulations

APP = Path(__file__).parent / "app"
BATCH_HOUR = 3
TAKEOVER_SECONDS = 1200
"""A batch waits 15 minutes until no writer can write to the generation that it has closed."""
SALES = 8
"""Each day, half of them while the batch takes over."""


@pytest.fixture(scope="module")
def simulated_layers(pytestconfig, assembly):
    """The project, deployed to a simulated cloud."""
    return Simulations.of(app_assembly(APP, assembly), pytestconfig.rootpath / ".millrace")


@pytest.fixture
def simulation(simulated_layers, pytestconfig):
    simulated_layers.options.read(pytestconfig)
    return simulated_layers


class Week:
    """Sells, and compares what a query sees with what was sold and what was processed."""

    def __init__(self, simulation):
        self.simulation = simulation
        self.sold = {}
        self.wrong = []
        (name,) = [each for each in simulation.client("dynamodb").list_tables()["TableNames"] if "Views" in each]
        self._view = ServingView(simulation.resource("dynamodb").Table(name))

    @property
    def today(self):
        return datetime.fromtimestamp(self.simulation.now, UTC).date()

    def sell(self, cents, days_ago=0):
        """Publish a sale of a day; the simulation may deliver it late, or twice."""
        metadata = Metadata.root(producer="test")
        day = self.today - timedelta(days=days_ago)
        self.sold[metadata.event_id] = day, cents
        data = {"day": day.isoformat(), "cents": cents}
        detail = json.dumps({"metadata": metadata.model_dump(mode="json"), "data": data})
        entry = {"Source": "test.sales", "DetailType": "Sold", "Detail": detail, "EventBusName": "layers"}
        self.simulation.client("events").put_events(Entries=[entry])

    def open(self, draw):
        """Sell throughout the next day, from the start of the batch until it has taken over too."""
        for number in range(SALES):
            wait = number * 10_000 if number % 2 else BATCH_HOUR * 3600 + number * TAKEOVER_SECONDS / SALES
            sale = draw.randrange(100, 9000), draw.choice((0, 0, 0, 1, 2))
            self.simulation.cloud.scheduler.after(wait, lambda sale=sale: self.step(*sale), "a customer")

    def step(self, cents, days_ago):
        """Sell, and compare at once: the batch may run."""
        self.sell(cents, days_ago)
        self.check()

    @contextmanager
    def unreadable_object(self):
        """Let a day of the archive have an object that the batch cannot read."""
        s3 = self.simulation.client("s3")
        (bucket,) = [each["Name"] for each in s3.list_buckets()["Buckets"] if "archive" in each["Name"]]
        place = {"Bucket": bucket, "Key": f"day={self.today.isoformat()}/generation=000001/unreadable.json"}
        s3.put_object(**place, Body=b"no json")
        yield
        s3.delete_object(**place)

    def batches(self):
        """Return the statuses of the batch runs, oldest first."""
        states = self.simulation.client("stepfunctions")
        (machine,) = states.list_state_machines()["stateMachines"]
        found = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        return [each["status"] for each in reversed(found)]

    def check(self):
        """Store each day whose totals miss a processed sale, or count one that was not put, or one twice."""
        done = {
            each.event_id for each in self.simulation.trace.deliveries(to="record_sale") if each.more["outcome"] == "ok"
        }
        for day in {day for day, _ in self.sold.values()}:
            least, most = self._total(day, done), self._total(day, self.sold)
            seen = Counter(self._view.of(day))
            if not (least <= seen <= most):
                self.wrong.append((self.simulation.now, day, least, seen, most))

    def holds(self):
        """Whether each day has the totals of everything that was sold."""
        return all(self._view.of(day) == self._total(day, self.sold) for day in {day for day, _ in self.sold.values()})

    def _total(self, day, ids):
        cents = [cents for event_id, (sold_on, cents) in self.sold.items() if sold_on == day and event_id in ids]
        return Counter(orders=len(cents), cents=sum(cents))


@simulate(seeds=2)
def test_batch_and_speed_are_the_truth_at_every_step_of_a_simulated_week(simulation):
    """On the third night the batch fails: it does not tolerate one unreadable day of three."""
    week, draw = Week(simulation), random.Random(3)
    for night in range(7):
        week.open(draw)
        unreadable = week.unreadable_object() if night == 2 else nullcontext()
        with unreadable:
            simulation.advance(hours=24)
        week.check()
    batches = week.batches()
    assert (len(batches), batches[2]) == (7, "FAILED")
    simulation.redrive()
    assert (week.wrong, week.holds()) == ([], True)
