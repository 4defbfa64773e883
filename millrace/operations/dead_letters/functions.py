"""Dead letters of functions: from queues, invocations, streams, tables, and the runtime's quarantine."""

import base64
import json
from typing import Any

from millrace.operations.cloud import Cloud
from millrace.operations.dead_letters.dead_letter import (
    DeadLetter,
    Failure,
    Message,
    NotRedrivableError,
    Origin,
    invoke,
    send,
    write,
)
from millrace.operations.deployed import DeployedStacks
from millrace.operations.json_text import parsed


class Queue(Origin):
    """A message that its function failed to handle, moved by the queue's redrive policy.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    name = "queue"

    def matches(self, message: Message) -> bool:
        """SQS names the source queue."""
        return bool(message.attributes["Source"])

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Send it to the queue that it came from."""
        return send(deployed.cloud, dead_letter.attributes["Source"], dead_letter.text)


class _Destination(Origin):
    """A record that Lambda sends to an on-failure destination.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    def failure(self, message: Message, body: Any) -> Failure:
        """The function's error or, without one, Lambda's condition."""
        context = body["requestContext"]
        error = body.get("responsePayload") or {}
        cause = f"{error.get('errorType')}: {error.get('errorMessage')}" if error else context["condition"]
        return Failure(cause, int(context.get("approximateInvokeCount", 1)))


class Invocation(_Destination):
    """An asynchronous invocation that failed."""

    name = "invocation"

    def matches(self, message: Message) -> bool:
        """Lambda's record has the payload."""
        return message.has("requestPayload")

    def envelope(self, body: Any) -> Any:
        """The payload of the invocation."""
        return body["requestPayload"]

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Invoke the function with the same payload."""
        function = dead_letter.body["requestContext"]["functionArn"]
        return invoke(deployed.cloud, function, json.dumps(dead_letter.body["requestPayload"]))


class StreamRecord(_Destination):
    """Records of a stream that an ordered channel failed to handle. They are in a bucket; the message is S3's event.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    name = "stream"

    def matches(self, message: Message) -> bool:
        """S3 publishes the event."""
        return message.is_from("aws.s3")

    def content(self, message: Message, cloud: Cloud) -> Any:
        """Lambda's record from the bucket, with the stream's records in `payload`.

        The message names the bucket, so it must belong to the account that owns the queue.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
        """
        bucket, key = message.body["detail"]["bucket"]["name"], message.body["detail"]["object"]["key"]
        stored = cloud.client("s3").get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=message.account)
        body: dict[str, Any] = json.loads(stored["Body"].read())
        return body | {"payload": json.loads(body["payload"])}

    def envelope(self, body: Any) -> Any:
        """The event of the first record."""
        return parsed(base64.b64decode(body["payload"]["Records"][0]["kinesis"]["data"]))

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Write the records to the stream with their partition keys."""
        stream = str(dead_letter.body["KinesisBatchInfo"]["streamArn"])
        for record in dead_letter.body["payload"]["Records"]:
            data = base64.b64decode(record["kinesis"]["data"])
            write(deployed.cloud, stream, data, record["kinesis"]["partitionKey"])
        return stream


class Relay(_Destination):
    """Changes of a table that a function failed to handle: the relay of an event store, or another stream consumer.

    Lambda's record names only the position in the table's stream.
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """

    name = "relay"

    def matches(self, message: Message) -> bool:
        """Lambda's record names the batch."""
        return message.has("DDBStreamBatchInfo")

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Invoke the relay. It publishes all pending events, whichever change failed."""
        arn = str(dead_letter.body["requestContext"]["functionArn"])
        if arn.split(":")[6] not in map(deployed.name, deployed.of_kind("relay", "Lambda::Function")):
            raise NotRedrivableError(
                f"{arn} reads changes of a table and is not a relay: repeat its work from the table's items"
            )
        return invoke(deployed.cloud, arn, "{}")


class Quarantine(Origin):
    """An event that a function could not read, or that exceeded the hop limit."""

    name = "quarantine"

    def matches(self, message: Message) -> bool:
        """Millrace's runtime names the function in the attributes."""
        return "CONSUMER" in message.attributes

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Send it to the function's queue, or invoke the function if it has no queue."""
        functions = deployed.cloud.client("lambda")
        name = _consumer(functions, dead_letter)
        sources = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        if not sources:
            return invoke(deployed.cloud, name, dead_letter.text)
        if (arn := sources[0]["EventSourceArn"]).split(":")[2] != "sqs":
            consumer = dead_letter.attributes["CONSUMER"]
            raise NotRedrivableError(f"{consumer} reads a stream, which keeps its order: replay the event to it")
        return send(deployed.cloud, arn, dead_letter.text)


def _consumer(functions: Any, dead_letter: DeadLetter) -> str:
    wanted = (dead_letter.attributes["CONSUMER"], dead_letter.attributes.get("EVENT_BUS"))
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if (variables.get("POWERTOOLS_SERVICE_NAME"), variables.get("MILLRACE_BUS")) == wanted:
                return str(function["FunctionName"])
    raise NotRedrivableError(f"the function {wanted[0]} does not exist")
