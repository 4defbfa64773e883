"""Dead letters of a bus: from its rules, its undeclared events, and the bus itself."""

from functools import reduce
from typing import Any

from millrace.operations.cloud import Cloud
from millrace.operations.dead_letters.dead_letter import (
    DeadLetter,
    Failure,
    Message,
    NotRedrivableError,
    Origin,
    invoke,
    publish,
    send,
    write,
)
from millrace.operations.deployed import DeployedStacks


class RuleTarget(Origin):
    """An event that EventBridge could not deliver to one target of a rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """

    name = "rule"

    def matches(self, message: Message) -> bool:
        """EventBridge names the rule in the attributes."""
        return "RULE_ARN" in message.attributes

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Deliver to that target only: the rule's other targets have received the event.

        A target in another account allows the role of its rule, but no operator.
        """
        cloud, arn, rule = deployed.cloud, dead_letter.attributes["TARGET_ARN"], dead_letter.attributes["RULE_ARN"]
        if ":event-bus/" in arn:
            return publish(cloud, arn, dead_letter.body)
        service = arn.split(":")[2] if arn.split(":")[4] == rule.split(":")[4] else ""
        if service == "sqs":
            return send(cloud, arn, dead_letter.text)
        if service == "lambda":
            return invoke(cloud, arn, dead_letter.text)
        if service == "kinesis":
            return write(cloud, arn, dead_letter.text, _partition_key(cloud, dead_letter, arn))
        rule = rule.rpartition("/")[2]
        raise NotRedrivableError(f"only its rule can call {arn}: millrace replay --rule {rule} --from …")


def _partition_key(cloud: Cloud, dead_letter: DeadLetter, arn: str) -> str:
    """The partition key, from the path that the rule's target names."""
    bus, _, rule = dead_letter.attributes["RULE_ARN"].rpartition(":rule/")[2].rpartition("/")
    targets = cloud.client("events").list_targets_by_rule(Rule=rule, EventBusName=bus or "default")["Targets"]
    path = next(each["KinesisParameters"]["PartitionKeyPath"] for each in targets if each["Arn"] == arn)
    return str(reduce(lambda value, name: value[name], path.removeprefix("$.").split("."), dead_letter.body))


class Undeclared(Origin):
    """An event that no contract of the app declares. The bus keeps it in its dead-letter queue."""

    name = "undeclared"

    def matches(self, message: Message) -> bool:
        """The bus adds the reason to the event."""
        return message.has("undeclared") and message.has("event")

    def envelope(self, body: Any) -> Any:
        """The event, without the reason."""
        return body["event"]

    def failure(self, message: Message, body: Any) -> Failure:
        """The reason and the event's source."""
        return Failure(f"Undeclared: {body['undeclared']} It came from {body['event'].get('source')}.")

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Put the event onto the bus again, for consumers deployed since."""
        bus = dead_letter.attributes.get("EVENT_BUS") or dead_letter.of
        return publish(deployed.cloud, bus, dead_letter.body["event"])


class Bus(Origin):
    """An event that the bus itself could not process."""

    name = "bus"

    def matches(self, message: Message) -> bool:
        """The message is the event."""
        return message.has("detail-type")

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Put the event onto the bus again."""
        return publish(deployed.cloud, dead_letter.attributes.get("EVENT_BUS") or dead_letter.of, dead_letter.body)
