"""What the tests of large data put, and how they look at what became of it."""

import json
import urllib.error
import urllib.request

from millrace.events import Event, Metadata
from millrace.events.claims import claims_parameter


class Scanned(Event, source="test.scanner", external=True):
    """As the project has it."""

    key: str
    content: str


class Claimed:
    """The local cloud with that project, and what lies in its bucket."""

    def __init__(self, cloud, outputs):
        self.cloud = cloud
        self.outputs = outputs
        self.s3 = cloud.client("s3")
        self.bucket = cloud.client("ssm").get_parameter(Name=claims_parameter("claims"))["Parameter"]["Value"]

    def keys(self, correlation_id=""):
        """The keys of the claims of a flow's first event, or all."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [each["Key"] for each in found if correlation_id in each["Key"]]

    def put(self, event, **metadata):
        """Put an event as the kit puts it; gives its correlation id, once all is settled."""
        known = Metadata.root(producer="test").model_copy(update=metadata)
        self.cloud.put(event, bus="claims", metadata=known)
        self.cloud.settle()
        return known.correlation_id

    def put_claim(self, metadata, **claim):
        """Put a scan with a claim that somebody has made up."""
        detail = {"metadata": metadata.model_dump(mode="json", exclude_none=True), "claim": claim}
        entry = {"Source": "test.scanner", "DetailType": "Scanned", "Detail": json.dumps(detail)}
        answer = self.cloud.client("events").put_events(Entries=[{**entry, "EventBusName": "claims"}])
        assert answer["FailedEntryCount"] == 0
        self.cloud.settle()

    def post(self, path, body, kind="application/json", **headers):
        """Send something to the API; gives the answer's status, once all is settled."""
        api = self.outputs["Endpoint"].removeprefix("http://").partition(".")[0]
        where = f"{self.cloud.endpoint_url}/_aws/execute-api/{api}{path}"
        request = urllib.request.Request(where, json.dumps(body).encode(), {"content-type": kind, **headers})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code
        finally:
            self.cloud.settle()

    def table(self, name):
        """A table, by the name of its construct."""
        tables = self.cloud.client("dynamodb").list_tables()["TableNames"]
        return self.cloud.resource("dynamodb").Table(next(known for known in tables if name in known))

    def seen(self, key):
        """By whom a scan was seen, and the hash of what each saw."""
        items = [item for item in self.table("Seen").scan()["Items"] if item["key"].startswith(f"{key}/")]
        return {item["key"].partition("/")[2]: item["sha256"] for item in items}

    def call(self, name, payload):
        """Call a function, by the name that it has for its logs; gives its answer."""
        lambda_ = self.cloud.client("lambda")
        found = [each for each in lambda_.list_functions()["Functions"] if _named(each) == name]
        answer = lambda_.invoke(FunctionName=found[0]["FunctionName"], Payload=json.dumps(payload))
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.load(answer["Payload"])

    def put_aside(self):
        """Take the reasons of what was put aside out of the bus's dead letters."""
        sqs = self.cloud.client("sqs")
        (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "BusDeadLetters" in url]
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for letter in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
        return [each["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] for each in answer.get("Messages", [])]


def _named(function):
    return function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME")
