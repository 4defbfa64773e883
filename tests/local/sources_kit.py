"""What the tests of functions and their sources share: a site with functions that tell what they were handed."""

import io
import json
import zipfile
from types import SimpleNamespace

ACCOUNT, REGION = "123456789012", "us-east-1"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
TELLING = """
import base64, json, os, time
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(event) + "\\n")
"""


class Site:
    """An empty local cloud, and short ways to build in it."""

    def __init__(self, cloud, folder):
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle
        self._folder = folder
        answer = self.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
        self.role = answer["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.client("iam").put_role_policy(RoleName="any", PolicyName="all", PolicyDocument=json.dumps(policy))

    def function(self, name="f", *lines, **more):
        """A function that tells its event; `lines` are what it does after that. Gives its ARN."""
        environment = {"Variables": {"SEEN": str(self._folder / f"{name}.jsonl")}}
        made = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self.role,
            Handler="h.handler",
            Code={"ZipFile": code(*lines)},
            Environment=environment,
            **more,
        )
        return made["FunctionArn"]

    def update(self, name, *lines, **more):
        """Give a function other code."""
        return self.client("lambda").update_function_code(FunctionName=name, ZipFile=code(*lines), **more)

    def seen(self, name="f"):
        """The events that a function was handed, oldest first."""
        file = self._folder / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def batches(self, name="f"):
        """What the events' records carry: texts of messages and records, batch by batch."""
        return [[content(record) for record in event["Records"]] for event in self.seen(name)]

    def contents(self, name="f"):
        """What a function was handed, one text after the other."""
        return [text for batch in self.batches(name) for text in batch]

    def queue(self, name="q", **attributes):
        """A queue: its ARN, URL, and ways to send and to read."""
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

    def redrive(self, dead, most=2):
        """The redrive policy that leads to a dead-letter queue."""
        return json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": most})

    def stream(self, name="s", shards=1):
        """A Kinesis stream: its ARN, and a way to put texts by their keys."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)

        def put(*texts, key=None):
            records = [{"Data": text.encode(), "PartitionKey": key or text} for text in texts]
            return kinesis.put_records(StreamName=name, Records=records)["Records"]

        return SimpleNamespace(name=name, arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}", put=put)

    def mapping(self, source, function="f", **more):
        """Map a source to a function. Gives the mapping's id."""
        if ":sqs:" not in source.arn:
            more = {"StartingPosition": "TRIM_HORIZON", **more}
        made = self.client("lambda").create_event_source_mapping(
            EventSourceArn=source.arn, FunctionName=function, **more
        )
        return made["UUID"]

    def change(self, mapping, **more):
        """Change a mapping."""
        self.client("lambda").update_event_source_mapping(UUID=mapping, **more)

    def wait(self, seconds):
        """Let time pass in the local cloud."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.settle()


def code(*lines):
    """The archive of a handler that tells its event and then runs some lines."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("h.py", TELLING + "".join(f"    {line}\n" for line in lines))
    return packed.getvalue()


def content(record):
    """The text that a record carries."""
    import base64

    return record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()


def filters(*patterns):
    """Filter criteria."""
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


def letters(queue):
    """The bodies of a queue's messages, parsed."""
    return [json.loads(message["Body"]) for message in queue.receive()]
