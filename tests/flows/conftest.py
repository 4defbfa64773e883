"""A project with the kit's channels and strategies, deployed once for the tests of a module."""

import json
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.events import Metadata

APP = Path(__file__).parent / "app"


class Flows:
    """The local cloud with that project, and short ways to put, to read and to look."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle

    def put(self, source, detail_type, **data):
        """Put an event; gives its correlation id."""
        metadata = Metadata.root(producer="test")
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps({"metadata": metadata.model_dump(mode="json"), "data": data}),
            "EventBusName": "flows",
        }
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        return metadata.correlation_id

    def now(self):
        """The moment it is in the cloud."""
        return self.cloud.scheduler.clock.now()

    def pass_time(self, seconds):
        """Let time pass, and do what is due in it: schedules run, too, for which nothing else waits."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.settle()

    def table(self, name):
        """A table, by the name of its construct."""
        names = self.client("dynamodb").list_tables()["TableNames"]
        return self.cloud.resource("dynamodb").Table(next(known for known in names if name.lower() in known.lower()))

    def queue(self, *words):
        """The URL of the queue whose name holds all of some words."""
        urls = self.client("sqs").list_queues().get("QueueUrls", [])
        (found,) = [url for url in urls if all(word.lower() in url.lower() for word in words)]
        return found

    def letters(self, construct):
        """Take the letters out of a construct's dead-letter queue."""
        sqs, url = self.client("sqs"), self.queue(f"{construct}deadletters")
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        letters = found.get("Messages", [])
        for letter in letters:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        return [json.loads(letter["Body"]) for letter in letters]


@pytest.fixture(scope="session")
def flows_assembly(assembly):
    return app_assembly(APP, assembly)


@pytest.fixture(scope="module")
def flows(empty_cloud, flows_assembly):
    empty_cloud.deploy(flows_assembly)
    yield Flows(empty_cloud)
    empty_cloud.reset()
