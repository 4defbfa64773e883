"""Streams.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Kinesis.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject

_OF_STREAM = {"StreamName": "{id}"}
_DAY = 24
_HOURS = props(RetentionPeriodHours="RetentionPeriodHours")
_LONGER = Call("increase_stream_retention_period", _HOURS, _OF_STREAM)
_SHORTER = Call("decrease_stream_retention_period", _HOURS, _OF_STREAM)


@dataclass(frozen=True)
class _Retention:
    """How long records are kept, for which one call makes it longer and another shorter; a new stream has a day."""

    properties: frozenset[str] = frozenset({"RetentionPeriodHours"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (_LONGER, _SHORTER)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Make it what the template says."""
        had, has = (int(each.get("RetentionPeriodHours", _DAY)) for each in (before or {}, subject.properties))
        if had == has:
            return {}
        return subject.call(_LONGER if has > had else _SHORTER, RetentionPeriodHours=has)

    def undo(self, subject: Subject) -> None:
        """The stream takes it along."""


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
        # moto's CreateStream drops the tags that it is given.
        Tags("add_tags_to_stream", "remove_tags_from_stream", _OF_STREAM, at_creation=True),
    ),
    delete=(Call("delete_stream", by=_OF_STREAM),),
    immutable=frozenset({"Name"}),
    defaults={"ShardCount": 1, "StreamModeDetails": {"StreamMode": "PROVISIONED"}},
    kept_only_here={
        "DesiredShardLevelMetrics": "moto keeps shard metrics that nothing here writes",
        "MaxRecordSizeInKiB": "moto's CreateStream drops it",
        "WarmThroughputMiBps": "moto's CreateStream drops it",
    },
)

TYPES = (STREAM,)
