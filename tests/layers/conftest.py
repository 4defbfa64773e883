"""A project with a speed view and a batch view, deployed once."""

import json
from datetime import date
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.events import Metadata
from millrace.runtime import ServingView
from millrace.runtime.layers.archive import Archive

APP = Path(__file__).parent / "app"


class Layers:
    """The local cloud with the project, and helpers to sell, to run batches and to read views."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.states = cloud.client("stepfunctions")
        self.archive = Archive(cloud.client("s3"), self._bucket())
        names = cloud.client("dynamodb").list_tables()["TableNames"]
        self.table = cloud.resource("dynamodb").Table(next(name for name in names if "Views" in name))

    def _bucket(self):
        names = [each["Name"] for each in self.cloud.client("s3").list_buckets()["Buckets"]]
        return next(name for name in names if "archive" in name)

    def sell(self, day, *cents, again=1):
        """Publish sales, each as often as `again`, and settle."""
        for each in cents:
            metadata = Metadata.root(producer="test").model_dump(mode="json")
            detail = json.dumps({"metadata": metadata, "data": {"day": day, "cents": each}})
            entry = {"Source": "test.sales", "DetailType": "Sold", "Detail": detail, "EventBusName": "layers"}
            self.cloud.client("events").put_events(Entries=[entry] * again)
        self.cloud.settle()

    def sales(self, day):
        """Return what a query sees."""
        return ServingView(self.table).of(date.fromisoformat(day))

    def covered(self, day):
        """Return what the latest batch has counted."""
        found = self.table.get_item(Key={"id": f"batch#{day}", "generation": 0})
        return {name: int(amount) for name, amount in found.get("Item", {}).get("amounts", {}).items()}

    def archive_objects(self, days, each):
        """Store objects of a closed generation, without a request for each."""
        backend = self.cloud.region.backends.s3

        def put():
            for day in days:
                for number in range(each):
                    key = f"day={day}/generation=000001/e{number}.json"
                    backend.put_object(self.archive.bucket, key, b'{"cents": 100}')

        self.cloud.on_loop(put)

    def batch(self):
        """Start a batch and settle. Return the ARN of the execution."""
        (machine,) = self.states.list_state_machines()["stateMachines"]
        execution = self.states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        self.cloud.settle()
        return execution

    def map_run(self, execution):
        """Return the status of an execution, and the description of its Map Run."""
        (run,) = self.states.list_map_runs(executionArn=execution)["mapRuns"]
        found = self.states.describe_map_run(mapRunArn=run["mapRunArn"])
        return self.states.describe_execution(executionArn=execution)["status"], found


@pytest.fixture(scope="module")
def layers(empty_cloud, assembly):
    empty_cloud.deploy(app_assembly(APP, assembly))
    yield Layers(empty_cloud)
    empty_cloud.reset()
