"""A project with channels, failure strategies and parallel steps, deployed once per test module."""

import json
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.events import Metadata

APP = Path(__file__).parent / "app"


class Flows:
    """The local cloud with the project, and helpers to publish events and read resources."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle

    def put(self, source, detail_type, **data):
        """Publish an event. Return its correlation id."""
        metadata = Metadata.root(producer="test")
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps({"metadata": metadata.model_dump(mode="json"), "data": data}),
            "EventBusName": "flows",
        }
        response = self.client("events").put_events(Entries=[entry])
        assert response["FailedEntryCount"] == 0
        return metadata.correlation_id

    def now(self):
        """Return the current time of the local cloud."""
        return self.cloud.scheduler.clock.now()

    def pass_time(self, seconds):
        """Skip time. Schedules run too."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.settle()

    def table(self, name):
        """Return a table by the name of its construct."""
        names = self.client("dynamodb").list_tables()["TableNames"]
        return self.cloud.resource("dynamodb").Table(next(known for known in names if name.lower() in known.lower()))

    def queue(self, *words):
        """Return the URL of the queue with all words in its name."""
        urls = self.client("sqs").list_queues().get("QueueUrls", [])
        (found,) = [url for url in urls if all(word.lower() in url.lower() for word in words)]
        return found

    def dead_letters(self, construct):
        """Receive and delete the messages in a construct's dead-letter queue. Return their parsed bodies."""
        sqs, url = self.client("sqs"), self.queue(f"{construct}deadletters")
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages = found.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture(scope="session")
def flows_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def flows(empty_cloud, flows_assembly):
    empty_cloud.deploy(flows_assembly)
    yield Flows(empty_cloud)
    empty_cloud.reset()
