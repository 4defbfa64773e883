"""Delivery streams.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisfirehose-deliverystream.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext
from millrace.local.services.firehose.configuration import unsupported_properties

_STREAM_NAME = {"DeliveryStreamName": "{id}"}
_ENCRYPTION = props("DeliveryStreamEncryptionConfigurationInput")
_DESTINATIONS = props("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_DESCRIBE = Call("describe_delivery_stream", by=_STREAM_NAME)
_UPDATE = Call(
    "update_destination",
    props(
        ExtendedS3DestinationConfiguration="ExtendedS3DestinationUpdate",
        S3DestinationConfiguration="S3DestinationUpdate",
    ),
    _STREAM_NAME | {"CurrentDeliveryStreamVersionId": "{version}", "DestinationId": "{destination}"},
)


@dataclass(frozen=True)
class _Destination(Step):
    """The destination. An update must name its id and the version of the delivery stream."""

    properties: frozenset[str] = frozenset(_DESTINATIONS)

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_DESCRIBE, _UPDATE)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Update a changed destination."""
        old, new = ({name: each.get(name) for name in _DESTINATIONS} for each in (before or {}, context.properties))
        if before is None or old == new:
            return {}
        stream = context.call(_DESCRIBE)["DeliveryStreamDescription"]
        (destination,) = stream["Destinations"]
        return context.call(_UPDATE, version=stream["VersionId"], destination=destination["DestinationId"])


DELIVERY_STREAM = ResourceType(
    "AWS::KinesisFirehose::DeliveryStream",
    "firehose",
    name=Name("DeliveryStreamName", 64),
    create=Call(
        "create_delivery_stream",
        props("DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration", "Tags")
        | _DESTINATIONS
        | _ENCRYPTION,
    ),
    id="{DeliveryStreamName}",
    attributes={"Arn": "arn:{partition}:firehose:{region}:{account}:deliverystream/{DeliveryStreamName}"},
    steps=(
        _Destination(),
        Setting(
            Call("start_delivery_stream_encryption", _ENCRYPTION, _STREAM_NAME),
            unset=Call("stop_delivery_stream_encryption", by=_STREAM_NAME),
            at_creation=False,
        ),
        Tags("tag_delivery_stream", "untag_delivery_stream", _STREAM_NAME),
    ),
    delete=(Call("delete_delivery_stream", by=_STREAM_NAME),),
    immutable=frozenset({"DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration"}),
    defaults={"DeliveryStreamType": "DirectPut"},
    unsupported=unsupported_properties,
)

TYPES = (DELIVERY_STREAM,)
