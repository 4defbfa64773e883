"""Calls of the hostile app: sending events, and reading their results."""

import json
from collections import Counter
from types import SimpleNamespace

from millrace.events import Metadata

DATA = {"key": "k-1", "name": "Ada", "card": "4242 0007 1111", "passports": [{"number": "P-77311-X", "country": "NO"}]}


class HostileApp:
    """The local cloud with the deployed app."""

    def __init__(self, cloud, stack):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle
        self.host = stack.outputs["Endpoint"].removeprefix("http://")

    def entry(self, detail, source="test.guests", detail_type="GuestArrived"):
        """Return an entry of PutEvents."""
        text = detail if isinstance(detail, str) else json.dumps(detail)
        return {"Source": source, "DetailType": detail_type, "Detail": text, "EventBusName": "hotel"}

    def detail(self, data=None, **metadata):
        """Return a valid detail with changed data or metadata."""
        valid = Metadata.root(producer="test", version=2).model_dump(mode="json", exclude_none=True)
        return {"metadata": valid | metadata, "data": DATA if data is None else data}

    def put(self, *entries):
        """Put entries; return their results."""
        return self.client("events").put_events(Entries=list(entries))["Entries"]

    def queue(self, *words):
        """Return the URL of the queue whose name contains these words."""
        urls = self.client("sqs").list_queues()["QueueUrls"]
        (found,) = [url for url in urls if all(word in url.lower() for word in words)]
        return found

    def function(self, name):
        """Return the physical name of a function."""
        return next(
            each["FunctionName"]
            for each in self.client("lambda").list_functions()["Functions"]
            if each.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME") == name
        )

    def done(self):
        """Return what handlers have processed: (function, event id)."""
        (name,) = [name for name in self.client("dynamodb").list_tables()["TableNames"] if "Done" in name]
        items = self.cloud.resource("dynamodb").Table(name).scan()["Items"]
        return sorted(tuple(reversed(item["key"].split("/"))) for item in items)

    def dead_letters(self, construct="bus"):
        """Take all dead_letters out of a dead-dead_letter queue."""
        sqs, url = self.client("sqs"), self.queue(f"{construct}deadletters")
        removed = []
        while found := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            removed += [_dead_letter(message) for message in found]
            sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)],
            )
        return removed

    def all_dead_letters(self):
        """Remove the dead letters of every construct; count them by construct and error code."""
        constructs = ("bus", "greet", "giveroom", "notebill", "meal")
        return Counter((each, dead_letter.code) for each in constructs for dead_letter in self.dead_letters(each))

    def logs(self):
        """Return every line of every log."""
        logs = self.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        return [event["message"] for name in groups for event in logs.filter_log_events(logGroupName=name)["events"]]


def _dead_letter(message):
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    undeclared = "Undeclared" if message["Body"].startswith('{"undeclared"') else None
    return SimpleNamespace(body=message["Body"], code=attributes.get("ERROR_CODE", undeclared), **attributes)
