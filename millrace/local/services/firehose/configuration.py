"""The S3 destination of a delivery stream, and what the local cloud does not support.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from millrace.local.core.json_text import is_true
from millrace.local.services.firehose import prefixes
from millrace.local.services.firehose.buffers import MIB, Hints

DESTINATIONS = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
UPDATES = ("ExtendedS3DestinationUpdate", "S3DestinationUpdate")
SOURCES = ("DirectPut", "KinesisStreamAsSource")
_COMPRESSIONS = ("UNCOMPRESSED", "GZIP")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Transformation:
    """The function that transforms the records of a delivery stream.

    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
    """

    arn: str
    retries: int
    hints: Hints

    @classmethod
    def of(cls, processor: Settings) -> "Transformation":
        """Return the transformation of a processor, with AWS's defaults."""
        values = {each["ParameterName"]: each["ParameterValue"] for each in processor.get("Parameters") or ()}
        size, seconds = values.get("BufferSizeInMBs", 1), values.get("BufferIntervalInSeconds", 60)
        hints = Hints(int(float(size) * MIB), float(seconds))
        return cls(str(values.get("LambdaArn", "")), int(values.get("NumberOfRetries", 3)), hints)


class Destination:
    """The bucket of a delivery stream, and how objects are written to it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.role: str = settings["RoleARN"]
        self.bucket_arn: str = settings["BucketARN"]
        self.prefix = prefixes.for_records(settings.get("Prefix") or "")
        self.error_prefix = prefixes.for_failures(settings.get("Prefix") or "", settings.get("ErrorOutputPrefix") or "")
        self.is_gzip = settings.get("CompressionFormat") == "GZIP"
        self.extension: str = settings.get("FileExtension") or (".gz" if self.is_gzip else "")
        self.zone = ZoneInfo(settings.get("CustomTimeZone") or "UTC")
        self.log: Settings = settings.get("CloudWatchLoggingOptions") or {}

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self.bucket_arn.rpartition(":")[2]

    @property
    def key(self) -> str | None:
        """The KMS key that encrypts the objects; None for the default of the bucket."""
        key = ((self._settings.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig") or {}).get(
            "AWSKMSKeyARN"
        )
        return str(key) if key else None

    @property
    def hints(self) -> Hints:
        """How long records are buffered before they are written."""
        given = self._settings.get("BufferingHints") or {}
        return Hints(int(given.get("SizeInMBs", 5)) * MIB, float(given.get("IntervalInSeconds", 300)))

    @property
    def transformation(self) -> Transformation | None:
        """The function that transforms records; None if there is none."""
        processor = next(iter(_processors(self._settings)), None)
        return Transformation.of(processor) if processor else None


def destination_of(stream: Any) -> Destination:
    """Return the destination of moto's delivery stream."""
    (found,) = stream.destinations
    return Destination(found.get("ExtendedS3") or found["S3"])


def unsupported(settings: Settings) -> Iterator[str]:
    """Yield what the local cloud does not support of a destination, from a template or a request."""
    if is_true((settings.get("DataFormatConversionConfiguration") or {"Enabled": False}).get("Enabled", True)):
        yield "DataFormatConversionConfiguration"
    if is_true((settings.get("DynamicPartitioningConfiguration") or {}).get("Enabled", False)):
        yield "DynamicPartitioningConfiguration"
    if settings.get("S3BackupMode") == "Enabled":
        yield "S3BackupMode Enabled"
    compression = settings.get("CompressionFormat")
    if isinstance(compression, str) and compression not in _COMPRESSIONS:
        yield f"CompressionFormat {compression}"
    kinds = [processor.get("Type") for processor in _processors(settings)]
    yield from (f"the processor {kind}" for kind in kinds if kind != "Lambda")
    for name in ("Prefix", "ErrorOutputPrefix"):
        if isinstance(settings.get(name), str):
            yield from (f"{expression} in {name}" for expression in prefixes.unsupported(settings[name]))


def unsupported_properties(properties: Settings) -> Iterator[str]:
    """Yield what the local cloud does not support of a delivery stream in a template."""
    kind = properties.get("DeliveryStreamType")
    if isinstance(kind, str) and kind not in SOURCES:
        yield f"DeliveryStreamType {kind}"
    for name in DESTINATIONS:
        if isinstance(properties.get(name), dict):
            yield from unsupported(properties[name])


def broken_rule(settings: Settings) -> str:
    """Return why AWS rejects a destination; empty if it is valid."""
    try:
        ZoneInfo(settings.get("CustomTimeZone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return f"CustomTimeZone {settings['CustomTimeZone']} is not a time zone"
    return prefixes.broken_rule(settings.get("Prefix") or "", settings.get("ErrorOutputPrefix") or "")


def _processors(settings: Settings) -> Iterable[Settings]:
    processing = settings.get("ProcessingConfiguration") or {}
    return processing.get("Processors") or () if is_true(processing.get("Enabled", False)) else ()
