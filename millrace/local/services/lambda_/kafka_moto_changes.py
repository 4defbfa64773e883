"""Event source mappings of Kafka topics, which moto does not have."""

from importlib.util import find_spec
from typing import Any

from millrace.local.services.lambda_.event_source_mappings.kafka_poller import KafkaSourceError, brokers_of

_BATCH_SIZE = 100
"""https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-configure.html"""


def is_kafka(spec: dict[str, Any]) -> bool:
    """Whether a mapping reads topics of Kafka. Refuse other sources that the local cloud does not run, by name."""
    from moto.awslambda.exceptions import InvalidParameterValueException

    service = (spec.get("EventSourceArn") or "arn:aws:").split(":")[2]
    if service in ("mq", "rds"):
        kind = {"mq": "Amazon MQ", "rds": "Amazon DocumentDB"}[service]
        raise InvalidParameterValueException(f"The local cloud does not run event sources of {kind}.")
    return service == "kafka" or "SelfManagedEventSource" in spec


def kafka_mapping(backend: Any, spec: dict[str, Any]) -> Any:
    """moto has no mapping of Kafka. Store one that moto lists, changes and deletes like its own."""
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.awslambda.models import EventSourceMapping

    class KafkaMapping(EventSourceMapping):  # type: ignore[misc]
        event_source_arn: Any = None  # plain attributes instead of moto's properties
        batch_size: Any = None

    try:
        brokers = brokers_of(spec)
    except KafkaSourceError as error:
        raise InvalidParameterValueException(str(error)) from error
    if find_spec("confluent_kafka") is None:
        raise InvalidParameterValueException("An event source of Kafka needs the package confluent-kafka: install it.")
    function = backend.get_function(spec["FunctionName"])
    own = {"RegionName": backend.region_name, "AccountId": backend.account_id, "FunctionArn": function.function_arn}
    mapping = KafkaMapping({"EventSourceArn": "", **spec, **own})
    mapping.batch_size = mapping.batch_size or _BATCH_SIZE
    mapping.brokers = brokers
    backend._event_source_mappings[mapping.uuid] = mapping
    return mapping
