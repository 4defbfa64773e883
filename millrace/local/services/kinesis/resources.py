"""Data streams.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Kinesis.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject

_OF_STREAM = {"StreamName": "{id}"}
_DEFAULT_RETENTION = 24
_RETENTION = props(RetentionPeriodHours="RetentionPeriodHours")
_INCREASE = Call("increase_stream_retention_period", _RETENTION, _OF_STREAM)
_DECREASE = Call("decrease_stream_retention_period", _RETENTION, _OF_STREAM)


@dataclass(frozen=True)
class _Retention:
    """The retention period, which one call increases and another decreases. A new stream has 24 hours."""

    properties: frozenset[str] = frozenset({"RetentionPeriodHours"})

    def calls(self) -> Iterable[Call]:
        """Return the calls that the step can make."""
        return (_INCREASE, _DECREASE)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Set the retention period of the template."""
        old, new = (
            int(each.get("RetentionPeriodHours", _DEFAULT_RETENTION)) for each in (before or {}, subject.properties)
        )
        if old == new:
            return {}
        return subject.call(_INCREASE if new > old else _DECREASE, RetentionPeriodHours=new)

    def undo(self, subject: Subject) -> None:
        """Do nothing: the stream is deleted."""


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
            Call("start_stream_encryption", {"StreamEncryption": Take("")}, _OF_STREAM),
            unset=Call(
                "stop_stream_encryption", by=_OF_STREAM | {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
            ),
        ),
        Setting(
            Call(
                "update_shard_count",
                props(ShardCount="TargetShardCount"),
                _OF_STREAM | {"ScalingType": "UNIFORM_SCALING"},
            ),
            at_creation=False,
        ),
        Setting(Call("update_stream_mode", props("StreamModeDetails"), {"StreamARN": "{Arn}"}), at_creation=False),
        # moto's CreateStream drops tags.
        Tags("add_tags_to_stream", "remove_tags_from_stream", _OF_STREAM, at_creation=True),
    ),
    delete=(Call("delete_stream", by=_OF_STREAM),),
    immutable=frozenset({"Name"}),
    defaults={"ShardCount": 1, "StreamModeDetails": {"StreamMode": "PROVISIONED"}},
    kept_only_here={
        "DesiredShardLevelMetrics": "no shard metrics are written locally",
        "MaxRecordSizeInKiB": "moto's CreateStream drops it",
        "WarmThroughputMiBps": "moto's CreateStream drops it",
    },
)

TYPES = (STREAM,)
