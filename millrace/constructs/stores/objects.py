"""Events of an S3 bucket, published to the bus with a contract."""

from typing import Any, Literal, Unpack, cast

from aws_cdk import Names
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, allow_rule_to_use_key, grant_key
from millrace.constructs.bus.rules import rule_retry_policy
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import Function, event_addresses, function_metadata, snake_case
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.events import Event
from millrace.runtime.objects import EVENT, FIELDS

DetailType = Literal[
    "Object Created",
    "Object Deleted",
    "Object Restore Completed",
    "Object Tags Added",
    "Object Tags Deleted",
]
_HANDLER = "millrace.runtime.objects.handler"
_NAME_CHARACTERS = 64
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""


class ObjectEventError(ValueError):
    """An event cannot describe an event of S3."""


class ObjectEvents(Construct):
    """Publishes `event` for each event of a bucket: the event's fields have names of `millrace.runtime.objects.FIELDS`.

    prefix: Only for objects whose keys start with it.
    detail_type: Which events of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html

    The bucket sends its events to the default bus of the account, where a rule invokes a function of Millrace, which
    publishes to `bus`. An imported bucket must already send its events to EventBridge.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        bucket: s3.IBucket,
        event: type[Event],
        prefix: str = "",
        detail_type: DetailType = "Object Created",
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self._check(event)
        _send_to_eventbridge(bucket)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        self.function = self._function(bus, event, settings)
        self._rule(bus, _pattern(bucket, prefix, detail_type))
        alarms = Alarms(self, bus.alarm_topic)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.function.function)

    def _check(self, event: type[Event]) -> None:
        unknown = sorted(event.model_fields.keys() - set(FIELDS))
        if unknown:
            raise ObjectEventError(
                f"ObjectEvents {self.node.path}: S3 has no {', '.join(unknown)}, as {event.__name__} needs: "
                f"use fields of {', '.join(FIELDS)}."
            )

    def _function(self, bus: Bus, event: type[Event], settings: Settings) -> Function:
        reader = Function(
            self,
            "Function",
            name=f"publish_{snake_case(self.node.id)}",
            handler=_HANDLER,
            metadata=function_metadata("changes", self, [], [event]),
            environment={"MILLRACE_BUS": bus.name, EVENT: event_addresses([event])},
            settings=settings,
            key=bus.encryption_key,
        )
        bus.grant_publish(reader.role, [event])
        reader.enable_claim_check(bus, publishes=[event])
        grant_key(bus.encryption_key, reader.role, "sqs", WRITE_ACTIONS)
        destination = destinations.SqsDestination(self.dead_letters)
        lambda_.EventInvokeConfig(self, "OnFailure", function=reader.function, on_failure=destination)
        reason = "Its on-failure destination receives more than a dead-letter queue would."
        acknowledge(reader.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(reader.function, "A reservation would delay events of the bucket.", "CKV_AWS_115")
        return reader

    def _rule(self, bus: Bus, pattern: events.EventPattern) -> None:
        """Create the rule on the default bus. Its name is fixed because the key policy refers to it."""
        name = Names.unique_resource_name(self, max_length=_NAME_CHARACTERS, separator="-")
        target = targets.LambdaFunction(
            self.function.function, dead_letter_queue=self.dead_letters, **rule_retry_policy()
        )
        events.Rule(self, "Rule", rule_name=name, event_pattern=pattern, targets=[target])
        if bus.encryption_key:
            allow_rule_to_use_key(self, bus.encryption_key, name)


def _pattern(bucket: s3.IBucket, prefix: str, detail_type: str) -> events.EventPattern:
    detail: dict[str, Any] = {"bucket": {"name": [bucket.bucket_name]}}
    if prefix:
        detail["object"] = {"key": [{"prefix": prefix}]}
    return events.EventPattern(source=["aws.s3"], detail_type=[detail_type], detail=detail)


def _send_to_eventbridge(bucket: s3.IBucket) -> None:
    """Enable EventBridge on a bucket of this app. CDK's own method would add a function with a wide role."""
    resource = bucket.node.default_child
    if isinstance(resource, s3.CfnBucket):
        enabled = s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        resource.notification_configuration = cast(
            "Any", s3.CfnBucket.NotificationConfigurationProperty(event_bridge_configuration=enabled)
        )
