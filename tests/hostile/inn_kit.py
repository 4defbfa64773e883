"""The inn as the tests see it: what they send there, and where it ends."""

import json
from collections import Counter
from types import SimpleNamespace

from millrace.events import Metadata

SAID = {"key": "k-1", "name": "Ada", "card": "4242 0007 1111", "passports": [{"number": "P-77311-X", "country": "NO"}]}


class Inn:
    """The local cloud with the inn in it."""

    def __init__(self, cloud, stack):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle
        self.host = stack.outputs["Endpoint"].removeprefix("http://")

    def entry(self, detail, source="test.guests", detail_type="GuestArrived"):
        """An entry of PutEvents."""
        text = detail if isinstance(detail, str) else json.dumps(detail)
        return {"Source": source, "DetailType": detail_type, "Detail": text, "EventBusName": "inn"}

    def detail(self, data=None, **metadata):
        """A good detail, but for what is changed."""
        known = Metadata.root(producer="test", version=2).model_dump(mode="json", exclude_none=True)
        return {"metadata": known | metadata, "data": SAID if data is None else data}

    def put(self, *entries):
        """Put entries; gives their answers."""
        return self.client("events").put_events(Entries=list(entries))["Entries"]

    def queue(self, *words):
        """The URL of the queue whose name holds all of some words."""
        urls = self.client("sqs").list_queues()["QueueUrls"]
        (found,) = [url for url in urls if all(word in url.lower() for word in words)]
        return found

    def function(self, name):
        """The physical name of a function."""
        return next(
            each["FunctionName"]
            for each in self.client("lambda").list_functions()["Functions"]
            if each.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME") == name
        )

    def done(self):
        """What handlers have done: (function, event id)."""
        (name,) = [name for name in self.client("dynamodb").list_tables()["TableNames"] if "Done" in name]
        items = self.cloud.resource("dynamodb").Table(name).scan()["Items"]
        return sorted(tuple(reversed(item["key"].split("/"))) for item in items)

    def letters(self, construct="bus"):
        """Take all letters out of a dead-letter queue."""
        sqs, url = self.client("sqs"), self.queue(f"{construct}deadletters")
        taken = []
        while found := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            taken += [_letter(message) for message in found]
            sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)],
            )
        return taken

    def all_letters(self):
        """Take the letters of every construct; how many of each construct, and why."""
        constructs = ("bus", "greet", "giveroom", "notebill", "meal")
        return Counter((of, letter.code) for of in constructs for letter in self.letters(of))

    def logs(self):
        """Every line of every log."""
        logs = self.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        return [event["message"] for name in groups for event in logs.filter_log_events(logGroupName=name)["events"]]


def _letter(message):
    told = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    undeclared = "Undeclared" if message["Body"].startswith('{"undeclared"') else None
    return SimpleNamespace(body=message["Body"], code=told.get("ERROR_CODE", undeclared), **told)
