"""The deployed project of the tests of large data, and helpers that publish events and read results."""

import json
import urllib.error
import urllib.request

from millrace.events import Event, Metadata
from millrace.events.claims import claims_parameter


class Scanned(Event, source="test.scanner", external=True):
    """The event of the project."""

    key: str
    content: str


class Claimed:
    """The local cloud with the project and its bucket."""

    def __init__(self, cloud, outputs):
        self.cloud = cloud
        self.outputs = outputs
        self.s3 = cloud.client("s3")
        self.bucket = cloud.client("ssm").get_parameter(Name=claims_parameter("claims"))["Parameter"]["Value"]

    def keys(self, correlation_id=""):
        """Return the keys of the claims of a flow's first event, or all keys."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [each["Key"] for each in found if correlation_id in each["Key"]]

    def put(self, event, **metadata):
        """Publish an event, settle, and return its correlation id."""
        known = Metadata.root(producer="test").model_copy(update=metadata)
        self.cloud.put(event, bus="claims", metadata=known)
        self.cloud.settle()
        return known.correlation_id

    def put_claim(self, metadata, **claim):
        """Publish a scan with a forged claim, and settle."""
        detail = {"metadata": metadata.model_dump(mode="json", exclude_none=True), "claim": claim}
        entry = {"Source": "test.scanner", "DetailType": "Scanned", "Detail": json.dumps(detail)}
        answer = self.cloud.client("events").put_events(Entries=[{**entry, "EventBusName": "claims"}])
        assert answer["FailedEntryCount"] == 0
        self.cloud.settle()

    def post(self, path, body, kind="application/json", **headers):
        """Send a request to the API, settle, and return the status of the response."""
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
        """Return a table by the name of its construct."""
        tables = self.cloud.client("dynamodb").list_tables()["TableNames"]
        return self.cloud.resource("dynamodb").Table(next(known for known in tables if name in known))

    def seen(self, key):
        """Return the hash of the data that each function received of a scan, by the name of the function."""
        items = [item for item in self.table("Seen").scan()["Items"] if item["key"].startswith(f"{key}/")]
        return {item["key"].partition("/")[2]: item["sha256"] for item in items}

    def call(self, name, payload):
        """Invoke a function by the name in its logs. Return its result."""
        lambda_ = self.cloud.client("lambda")
        found = [each for each in lambda_.list_functions()["Functions"] if _named(each) == name]
        answer = lambda_.invoke(FunctionName=found[0]["FunctionName"], Payload=json.dumps(payload))
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.load(answer["Payload"])

    def quarantined(self):
        """Receive and delete the dead letters of the bus. Return their error messages."""
        sqs = self.cloud.client("sqs")
        (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "BusDeadLetters" in url]
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [each["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] for each in answer.get("Messages", [])]


def _named(function):
    return function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME")
