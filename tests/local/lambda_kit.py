"""Helpers for tests of functions and event sources. Functions write their events to files."""

import io
import json
import zipfile
from types import SimpleNamespace

ACCOUNT, REGION = "123456789012", "us-east-1"
REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
WRITE_EVENT = """
import base64, json, os, time
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(event) + "\\n")
"""


class Site:
    """An empty local cloud with helpers that create resources."""

    def __init__(self, cloud, folder):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle
        self._folder = folder
        role = self.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        self.role = role["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.client("iam").put_role_policy(RoleName="any", PolicyName="all", PolicyDocument=json.dumps(policy))

    def function(self, name="f", *lines, **more):
        """Create a function that writes its event and then runs `lines`. Return its ARN."""
        environment = {"Variables": {"SEEN": str(self._folder / f"{name}.jsonl")}}
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self.role,
            Handler="h.handler",
            Code={"ZipFile": code(*lines)},
            Environment=environment,
            **more,
        )
        return created["FunctionArn"]

    def update(self, name, *lines, **more):
        """Update the code of a function."""
        return self.client("lambda").update_function_code(FunctionName=name, ZipFile=code(*lines), **more)

    def seen(self, name="f"):
        """Return the events of a function, oldest first."""
        file = self._folder / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def batches(self, name="f"):
        """Return the contents of a function's records, batch by batch."""
        return [[content(record) for record in event["Records"]] for event in self.seen(name)]

    def contents(self, name="f"):
        """Return the contents of a function's records."""
        return [text for batch in self.batches(name) for text in batch]

    def queue(self, name="q", **attributes):
        """Create a queue. Return its ARN and URL, and functions that send, receive and count messages."""
        sqs = self.client("sqs")
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        url = sqs.create_queue(QueueName=name, Attributes={key: str(value) for key, value in attributes.items()})[
            "QueueUrl"
        ]

        def send(*bodies, **more):
            return [sqs.send_message(QueueUrl=url, MessageBody=body, **more) for body in bodies]

        def receive(**more):
            more = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"], **more}
            return sqs.receive_message(QueueUrl=url, **more).get("Messages", [])

        def count():
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return tuple(int(found[name]) for name in names)

        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        return SimpleNamespace(name=name, arn=arn, url=url, send=send, receive=receive, count=count)

    def redrive(self, dead, max_receive_count=2):
        """Return the redrive policy for a dead-letter queue."""
        return json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receive_count})

    def stream(self, name="s", shards=1):
        """Create a Kinesis stream. Return its ARN and a function that puts texts."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)

        def put(*texts, key=None):
            records = [{"Data": text.encode(), "PartitionKey": key or text} for text in texts]
            return kinesis.put_records(StreamName=name, Records=records)["Records"]

        return SimpleNamespace(name=name, arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}", put=put)

    def mapping(self, source, function="f", **more):
        """Create an event source mapping. Return its id."""
        if ":sqs:" not in source.arn:
            more = {"StartingPosition": "TRIM_HORIZON", **more}
        created = self.client("lambda").create_event_source_mapping(
            EventSourceArn=source.arn, FunctionName=function, **more
        )
        return created["UUID"]

    def change(self, mapping, **more):
        """Update a mapping."""
        self.client("lambda").update_event_source_mapping(UUID=mapping, **more)

    def wait(self, seconds):
        """Skip time in the local cloud."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.settle()


def code(*lines):
    """Return the package of a handler that writes its event and then runs some lines."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("h.py", WRITE_EVENT + "".join(f"    {line}\n" for line in lines))
    return packed.getvalue()


def content(record):
    """Return the content of a record."""
    import base64

    return record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()


def on_failure(destination):
    """Return the configuration of an on-failure destination."""
    return {"DestinationConfig": {"OnFailure": {"Destination": destination}}}


def filters(*patterns):
    """Return filter criteria."""
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


def message_bodies(queue):
    """Receive a queue's messages and return their parsed bodies."""
    return [json.loads(message["Body"]) for message in queue.receive()]
