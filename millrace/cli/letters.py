"""Dead letters: what nobody could handle, read out of every dead-letter queue of the stacks.

How an event was given up is told by its message: a rule's letter has RULE_ARN, a queue's the ARN of its source, an
asynchronous invocation's is Lambda's record, a failed execution's what Step Functions told of it. A stream's records
lie in a bucket, of which the letter tells; of a table's changes it tells only the place, as the table still has them.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from millrace.cli.deployed import Deployed
from millrace.events import Catalog
from millrace.events.sensitive import masked
from millrace.local.journal import reference
from millrace.local.lenient import parsed
from millrace.local.printable import printable_lines

Origin = Literal[
    "queue", "rule", "invocation", "execution", "record", "changes", "aside", "undeclared", "bus", "unknown"
]
_BATCH = 10
_READERS = 8


@dataclass(frozen=True)
class Box:
    """A dead-letter queue: whose it is, and the names of the functions that fail into it."""

    url: str
    of: str
    construct: str

    @property
    def account(self) -> str:
        """The account that owns the queue: its URL ends with the account and the name."""
        return self.url.split("/")[-2]


@dataclass(frozen=True)
class Letter:
    """What was given up. `id` is the message's, or the name of an execution that left none."""

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
    attributes: dict[str, str] = field(repr=False, default_factory=dict)
    url: str = ""
    receipt: str = field(repr=False, default="")
    text: str = field(repr=False, default="")

    @property
    def waits(self) -> bool:
        """Whether it is a message: an execution that failed without one is only told of."""
        return bool(self.receipt)


def boxes(deployed: Deployed) -> list[Box]:
    """Every dead-letter queue of the kit's constructs."""
    queues = [each for each in deployed.assembly.of("SQS::Queue") if each.facts.get("kind") == "dead-letters"]
    return [Box(deployed.name(each), each.facts["of"], each.facts["construct"]) for each in queues]


def letters_in(deployed: Deployed, of: str | None, hidden: float = 60) -> list[Letter]:
    """The letters of all dead-letter queues, or of one, oldest first. They stay hidden for so many seconds."""
    chosen = [box for box in boxes(deployed) if of in (None, box.of)]
    sqs = deployed.cloud.client("sqs")
    asked = {service: deployed.cloud.client(service) for service in ("s3", "stepfunctions")}
    patience = 0 if deployed.cloud.is_local else 1
    with ThreadPoolExecutor(_READERS) as readers:
        read = readers.map(lambda box: [(box, each) for each in _messages(sqs, box, patience, hidden)], chosen)
        letters = [letter_of(box, message, asked) for found in read for box, message in found]
    return sorted(letters, key=lambda letter: letter.sent)


def let_go(deployed: Deployed, letters: list[Letter]) -> None:
    """Show letters again that were hidden by reading them."""
    sqs = deployed.cloud.client("sqs")
    waiting = [letter for letter in letters if letter.waits]
    for url in {letter.url for letter in waiting}:
        there = [letter.receipt for letter in waiting if letter.url == url]
        for start in range(0, len(there), _BATCH):
            shown = enumerate(there[start : start + _BATCH])
            entries = [{"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": 0} for n, receipt in shown]
            sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _messages(sqs: Any, box: Box, patience: int, hidden: float) -> Iterator[dict[str, Any]]:
    """Until a queue gives nothing new. Only a poll that waits asks all of SQS's servers."""
    seen: set[str] = set()
    while True:
        answer = sqs.receive_message(
            QueueUrl=box.url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=int(hidden),
            WaitTimeSeconds=patience,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not new:
            return
        seen |= {message["MessageId"] for message in new}
        yield from new


def letter_of(box: Box, message: dict[str, Any], asked: Mapping[str, Any]) -> Letter:
    """The letter that a message is. What it only names is `asked` for: boto3's clients by the names of the services."""
    attributes = {name: told.get("StringValue", "") for name, told in message.get("MessageAttributes", {}).items()}
    attributes |= {"Source": message["Attributes"].get("DeadLetterQueueSourceArn", "")}
    body = parsed(message["Body"])
    origin = _origin(body, attributes)
    if origin == "record":
        body = _given_up(asked["s3"], body["detail"], owner=box.account)
    if origin == "execution":
        body = body | {"detail": _whole(asked["stepfunctions"], body["detail"])}
    about = reference(_envelope(origin, body))
    cause, attempts = _cause(origin, body, attributes)
    return Letter(
        id=message["MessageId"],
        of=box.of,
        construct=box.construct,
        origin=origin,
        sent=int(message["Attributes"]["SentTimestamp"]) / 1000,
        event=about.event if about else "",
        event_id=about.event_id if about else "",
        correlation_id=about.correlation_id if about else "",
        cause=cause,
        attempts=attempts,
        body=body,
        attributes=attributes,
        url=box.url,
        receipt=message["ReceiptHandle"],
        text=message["Body"],
    )


def _origin(body: Any, attributes: dict[str, str]) -> Origin:
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    signs: list[tuple[Origin, bool]] = [
        ("rule", "RULE_ARN" in attributes),
        ("queue", bool(attributes["Source"])),
        ("invocation", "requestPayload" in told),
        ("execution", told.get("source") == "aws.states"),
        ("record", told.get("source") == "aws.s3"),
        ("changes", "DDBStreamBatchInfo" in told),
        ("aside", "CONSUMER" in attributes),
        ("undeclared", "undeclared" in told and "event" in told),
        ("bus", "detail-type" in told),
    ]
    return next((origin for origin, is_so in signs if is_so), "unknown")


def _envelope(origin: Origin, body: Any) -> Any:
    if origin == "invocation":
        return body["requestPayload"]
    if origin == "execution":
        return begun_by(body["detail"])
    if origin == "undeclared":
        return body["event"]
    if origin == "record":
        return parsed(base64.b64decode(body["payload"]["Records"][0]["kinesis"]["data"]))
    return body


def _given_up(s3: Any, told: dict[str, Any], *, owner: str) -> dict[str, Any]:
    """What an ordered channel has put into its bucket: Lambda's record, with the stream's records in `payload`.

    The message names the bucket, so it has to be one of the account that owns the queue.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    found = s3.get_object(Bucket=told["bucket"]["name"], Key=told["object"]["key"], ExpectedBucketOwner=owner)
    body: dict[str, Any] = json.loads(found["Body"].read())
    return body | {"payload": json.loads(body["payload"])}


def begun_by(execution: dict[str, Any]) -> Any:
    """The event with which an execution began, out of its input."""
    given = execution.get("input")
    return (given.get("events") or [None])[0] if isinstance(given, dict) else None


def _whole(machines: Any, told: dict[str, Any]) -> dict[str, Any]:
    """An execution with its input, which has no room in an event where it is long, and with its error.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    if told.get("input") is None:
        try:
            known = machines.describe_execution(executionArn=told["executionArn"])
        except machines.exceptions.ExecutionDoesNotExist:
            return told  # what is left of it is what the letter says
        told = told | {name: told.get(name) or known.get(name) for name in ("input", "error", "cause")}
    return told | {"input": parsed(told["input"])}


def _cause(origin: Origin, body: Any, attributes: dict[str, str]) -> tuple[str, int | None]:
    """Why, and after how many attempts, as far as the letter itself says so."""
    if origin in ("invocation", "record", "changes"):
        told = body.get("responsePayload") or {}
        error = f"{told.get('errorType')}: {told.get('errorMessage')}" if told else body["requestContext"]["condition"]
        return error, int(body["requestContext"].get("approximateInvokeCount", 1))
    if origin == "execution":
        return failure(body["detail"]), None
    if origin == "undeclared":
        return f"Undeclared: {body['undeclared']} It came from {body['event'].get('source')}.", None
    if "ERROR_CODE" in attributes:
        tries = int(attributes["RETRY_ATTEMPTS"]) + 1 if attributes.get("RETRY_ATTEMPTS") else None
        return f"{attributes['ERROR_CODE']}: {attributes.get('ERROR_MESSAGE', '')}", tries
    return "", None


def failure(execution: dict[str, Any]) -> str:
    """Why an execution has failed; one that ran out of time or was stopped says no more than that."""
    cause = parsed(execution.get("cause"))
    told = cause.get("errorMessage") if isinstance(cause, dict) else execution.get("cause")
    return ": ".join([execution.get("error") or execution["status"], *([told] if told else [])])


def veiled(letter: Letter, catalog: Catalog) -> Letter:
    """The letter as it may be shown: without what contracts mark as sensitive, and without what is no event."""
    if letter.event or letter.origin == "changes":
        return replace(letter, body=masked(letter.body, catalog))
    told = f"no event, of {len(letter.text)} characters: millrace dlq show {letter.id} --reveal"
    return replace(letter, body=None, text=told)


def as_json(letter: Letter) -> dict[str, Any]:
    """A letter as plain data, for machines."""
    hidden = ("url", "receipt", "text", "construct")
    return {name: value for name, value in vars(letter).items() if name not in hidden} | {"queue": letter.url}


def pretty(letter: Letter) -> str:
    """The whole body: as JSON, or indented where it is none."""
    if letter.body is None:
        return "\n".join(f"  {line}" for line in printable_lines(letter.text))
    return json.dumps(letter.body, indent=2)
