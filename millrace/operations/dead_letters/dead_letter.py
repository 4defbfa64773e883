"""A dead letter, and what an origin of dead letters implements."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from millrace.events import Catalog
from millrace.events.sensitive import masked
from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks
from millrace.operations.json_text import parsed
from millrace.operations.printable import printable_lines


class NotRedrivableError(Exception):
    """A dead letter that cannot be redriven. The text explains why."""


@dataclass(frozen=True)
class DeadLetterQueue:
    """A dead-letter queue, the name of its `owner`, and the path of the owner's construct."""

    url: str
    owner: str
    construct: str

    @property
    def account(self) -> str:
        """The account that owns the queue: its URL ends with the account and the name."""
        return self.url.split("/")[-2]


@dataclass(frozen=True)
class Message:
    """A message of a dead-letter queue. `body` is its JSON, or None."""

    id: str
    sent: float
    text: str
    body: Any
    attributes: Mapping[str, str]
    """The message attributes and, as `Source`, the ARN of the queue that SQS moved the message from."""
    receipt: str
    account: str = ""
    """The account that owns the queue."""

    @classmethod
    def of(cls, received: Mapping[str, Any], account: str = "") -> "Message":
        """The message that SQS's ReceiveMessage returned, with all attributes."""
        given = received.get("MessageAttributes", {})
        source = received["Attributes"].get("DeadLetterQueueSourceArn", "")
        return cls(
            id=received["MessageId"],
            sent=int(received["Attributes"]["SentTimestamp"]) / 1000,
            text=received["Body"],
            body=parsed(received["Body"]),
            attributes={name: value.get("StringValue", "") for name, value in given.items()} | {"Source": source},
            receipt=received["ReceiptHandle"],
            account=account,
        )

    def has(self, key: str) -> bool:
        """Whether the body is an object with this key."""
        return isinstance(self.body, dict) and key in self.body

    def is_from(self, source: str) -> bool:
        """Whether the body is an event of this source."""
        return isinstance(self.body, dict) and self.body.get("source") == source


@dataclass(frozen=True)
class Failure:
    """Why an event could not be handled, and after how many attempts, as far as the message reports it."""

    cause: str = ""
    attempts: int | None = None


class Origin:
    """Where dead letters come from: how to recognise one, read it, and redrive it."""

    name: ClassVar[str]

    def matches(self, message: Message) -> bool:
        """Whether a message has this origin."""
        raise NotImplementedError

    def content(self, message: Message, cloud: Cloud) -> Any:
        """The body, completed by what the message only refers to."""
        return message.body

    def envelope(self, body: Any) -> Any:
        """The event of the body."""
        return body

    def failure(self, message: Message, body: Any) -> Failure:
        """Why the event could not be handled."""
        return failure_in(message.attributes)

    def redrive(self, deployed: DeployedStacks, dead_letter: "DeadLetter") -> str:
        """Send a dead letter back to where it failed. Returns that destination. The message stays in its queue.

        Redriving twice has the effect of once if the receiver is idempotent, as processors and mediators are.
        """
        raise NotImplementedError

    def purge(self, deployed: DeployedStacks, dead_letter: "DeadLetter") -> None:
        """Prepare the deletion of a dead letter."""


@dataclass(frozen=True)
class DeadLetter:
    """An event that could not be handled. `id` is that of the message, or the name of an execution without one."""

    id: str
    of: str
    construct: str
    origin: Origin
    sent: float
    event: str
    event_id: str
    correlation_id: str
    cause: str
    attempts: int | None
    body: Any = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False, default_factory=dict)
    url: str = ""
    receipt: str = field(repr=False, default="")
    text: str = field(repr=False, default="")

    @property
    def is_message(self) -> bool:
        """Whether a message exists. Step Functions may report a failed execution without one."""
        return bool(self.receipt)

    def masked(self, catalog: Catalog) -> "DeadLetter":
        """The dead letter without sensitive values, and without the body if that is not an event."""
        if self.event or self.origin.name == "relay":
            return replace(self, body=masked(self.body, catalog))
        text = f"not an event, {len(self.text)} characters: millrace dlq show {self.id} --reveal"
        return replace(self, body=None, text=text)

    def as_json(self) -> dict[str, Any]:
        """The dead letter as plain data."""
        hidden = ("url", "receipt", "text", "construct")
        shown = {name: value for name, value in vars(self).items() if name not in hidden}
        return shown | {"origin": self.origin.name, "queue": self.url}

    def body_text(self) -> str:
        """The whole body as JSON, or indented if it is not JSON."""
        if self.body is None:
            return "\n".join(f"  {line}" for line in printable_lines(self.text))
        return json.dumps(self.body, indent=2)


def failure_in(attributes: Mapping[str, str]) -> Failure:
    """The failure that EventBridge, or Millrace's runtime in the same form, writes into a message's attributes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    if "ERROR_CODE" not in attributes:
        return Failure()
    retries = attributes.get("RETRY_ATTEMPTS")
    cause = f"{attributes['ERROR_CODE']}: {attributes.get('ERROR_MESSAGE', '')}"
    return Failure(cause, int(retries) + 1 if retries else None)


def send(cloud: Cloud, arn: str, text: str) -> str:
    """Send a text to a queue. Returns its ARN."""
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"], MessageBody=text)
    return arn


def invoke(cloud: Cloud, function: str, payload: str) -> str:
    """Invoke a function asynchronously. Returns its name or ARN."""
    cloud.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    return function


def write(cloud: Cloud, arn: str, data: str | bytes, key: str) -> str:
    """Write a record to a stream. Returns its ARN."""
    cloud.client("kinesis").put_record(StreamARN=arn, Data=data, PartitionKey=key)
    return arn


def publish(cloud: Cloud, bus: str, event: Mapping[str, Any]) -> str:
    """Put an event onto a bus. Returns its name."""
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "EventBusName": bus}
    response = cloud.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(event["detail"])}])
    if response["FailedEntryCount"]:
        raise NotRedrivableError(f"the bus {bus} rejected it: {response['Entries'][0].get('ErrorMessage')}")
    return bus
