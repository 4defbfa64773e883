"""Records in Avro or Protobuf, read with the deserializers of Powertools' Kafka consumer.

https://docs.aws.amazon.com/powertools/python/latest/utilities/kafka/
"""

from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millrace.runtime.stream.readings import ReadingError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.kafka import SchemaConfig

_HEADER_BYTES = 5
"""The magic byte 0 and the schema id of Confluent's wire format.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""


class Schemas:
    """The schemas of a stream: one for all records, or one for each schema id, the ids as text."""

    def __init__(self, schema: "SchemaConfig | Mapping[Any, SchemaConfig]") -> None:
        self._only = None if isinstance(schema, Mapping) else schema
        self._by_id = {str(name): each for name, each in schema.items()} if isinstance(schema, Mapping) else {}

    def read(self, record: Mapping[str, Any]) -> Any:
        """Return the value of a record as Lambda delivers it. Raises ReadingError."""
        from aws_lambda_powertools.utilities.kafka.deserializer.deserializer import (  # noqa: PLC0415 - optional
            get_deserializer,
        )

        value: str = record["value"] if "value" in record else record["kinesis"]["data"]
        metadata = record.get("valueSchemaMetadata")
        schema = self._only or self._of(_schema_id(value, metadata))
        try:
            deserializer = get_deserializer(
                schema.value_schema_type, schema.value_schema, metadata, schema.value_schema_wire_format
            )
            return deserializer.deserialize(value)
        except Exception as error:
            raise ReadingError(f"The record does not match its schema: {error}") from error

    def _of(self, schema_id: str) -> "SchemaConfig":
        if schema_id not in self._by_id:
            known = ", ".join(self._by_id)
            raise ReadingError(f"The schema id {schema_id!r} is unknown: add it to the ids of schema=, {known}.")
        return self._by_id[schema_id]


def _schema_id(value: str, metadata: Mapping[str, Any] | None) -> str:
    """Return the id that Lambda's schema registry has found, or that of Confluent's header; "" without one.

    https://docs.aws.amazon.com/lambda/latest/dg/services-consume-kafka-events.html
    """
    if metadata:
        return str(metadata.get("schemaId", ""))
    header = b64decode(value)[:_HEADER_BYTES]
    is_confluent = len(header) == _HEADER_BYTES and header[0] == 0
    return str(int.from_bytes(header[1:], "big")) if is_confluent else ""
