"""Streams.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Kinesis.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext

_STREAM_NAME = {"StreamName": "{id}"}
_DEFAULT_HOURS = 24
_HOURS = props(RetentionPeriodHours="RetentionPeriodHours")
_INCREASE = Call("increase_stream_retention_period", _HOURS, _STREAM_NAME)
_DECREASE = Call("decrease_stream_retention_period", _HOURS, _STREAM_NAME)


@dataclass(frozen=True)
class _Retention(Step):
    """The retention period. One call increases it and another decreases it."""

    properties: frozenset[str] = frozenset({"RetentionPeriodHours"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_INCREASE, _DECREASE)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Increase or decrease the period."""
        old, new = (
            int(each.get("RetentionPeriodHours", _DEFAULT_HOURS)) for each in (before or {}, context.properties)
        )
        if old == new:
            return {}
        return context.call(_INCREASE if new > old else _DECREASE, RetentionPeriodHours=new)


STREAM = ResourceType(
    "AWS::Kinesis::Stream",
    "kinesis",
    name=Name("Name", 128),
    create=Call(
        "create_stream",
        props("MaxRecordSizeInKiB", "ShardCount", "StreamModeDetails", "WarmThroughputMiBps", Name="StreamName"),
    ),
    id="{Name}",
    attributes={"Arn": "arn:{partition}:kinesis:{region}:{account}:stream/{Name}"},
    steps=(
        _Retention(),
        Setting(
            Call("start_stream_encryption", {"StreamEncryption": Argument("")}, _STREAM_NAME),
            unset=Call(
                "stop_stream_encryption", by=_STREAM_NAME | {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
            ),
        ),
        Setting(
            Call(
                "update_shard_count",
                props(ShardCount="TargetShardCount"),
                _STREAM_NAME | {"ScalingType": "UNIFORM_SCALING"},
            ),
            at_creation=False,
        ),
        Setting(Call("update_stream_mode", props("StreamModeDetails"), {"StreamARN": "{Arn}"}), at_creation=False),
        # moto's CreateStream drops tags.
        Tags("add_tags_to_stream", "remove_tags_from_stream", _STREAM_NAME, at_creation=True),
    ),
    delete=(Call("delete_stream", by=_STREAM_NAME),),
    immutable=frozenset({"Name"}),
    defaults={"ShardCount": 1, "StreamModeDetails": {"StreamMode": "PROVISIONED"}},
    not_in_moto={
        "DesiredShardLevelMetrics": "moto has no shard metrics",
        "MaxRecordSizeInKiB": "moto's CreateStream drops it",
        "WarmThroughputMiBps": "moto's CreateStream drops it",
    },
)

STREAM_CONSUMER = ResourceType(
    "AWS::Kinesis::StreamConsumer",
    "kinesis",
    create=Call("register_stream_consumer", props("ConsumerName", "StreamARN")),
    id="{Consumer[ConsumerARN]}",
    attributes={
        "ConsumerARN": "{Consumer[ConsumerARN]}",
        "ConsumerCreationTimestamp": "{Consumer[ConsumerCreationTimestamp]}",
        "ConsumerName": "{ConsumerName}",
        "ConsumerStatus": "{Consumer[ConsumerStatus]}",
        "StreamARN": "{StreamARN}",
    },
    delete=(Call("deregister_stream_consumer", by={"ConsumerARN": "{id}"}),),
    immutable=frozenset({"ConsumerName", "StreamARN", "Tags"}),
    not_in_moto={"Tags": "moto's RegisterStreamConsumer drops them"},
)

TYPES = (STREAM, STREAM_CONSUMER)
