"""Topics of Kafka as an event source, read from a broker that the user runs on the loopback interface.

https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html
"""

import base64
import ipaddress
import json
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

from millrace.local.core.scheduler import Hold
from millrace.local.services.lambda_.destinations import send_to_destination
from millrace.local.services.lambda_.functions import Functions
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_LOG = logging.getLogger(__name__)
BROKERS = "MILLRACE_KAFKA"
"""The environment variable with the brokers, `host:port` separated by commas, of every Kafka event source."""
MAX_RETRY_DELAY = 60.0
"""Seconds. AWS publishes no retry delays."""
_RETENTION = 7 * 86_400.0
_POLL_SECONDS = 0.05
_PAUSE_SECONDS = 0.5
"""How long to wait after an error of Kafka, such as a broker that does not answer or a group that rebalances."""
_LEAVE_SECONDS = 2.0
"""How long to wait until a consumer has left its group: its brokers may be down already."""
_TIMESTAMP_TYPES = {1: "CREATE_TIME", 2: "LOG_APPEND_TIME"}


class KafkaSourceError(ValueError):
    """A Kafka event source names no broker that the local cloud may use."""


def brokers_of(spec: dict[str, Any]) -> str:
    """Return the brokers of a mapping: those of MILLRACE_KAFKA, else its own. Raises KafkaSourceError."""
    own = spec.get("SelfManagedEventSource", {}).get("Endpoints", {}).get("KAFKA_BOOTSTRAP_SERVERS", [])
    brokers = os.environ.get(BROKERS) or ",".join(own)
    topics = ", ".join(spec.get("Topics") or ["?"])
    if not brokers or not all(_is_loopback(broker) for broker in brokers.split(",")):
        raise KafkaSourceError(
            f"The local cloud runs no Kafka cluster for the topic {topics}: start a broker on the loopback interface "
            f"and set {BROKERS}=localhost:9092."
        )
    return brokers


def _is_loopback(broker: str) -> bool:
    host = broker.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class KafkaPoller:
    """Reads topics as a member of the mapping's consumer group, on a thread; one batch is in flight at a time.

    Offsets are committed after the function has succeeded, so a batch comes again after a crash.
    """

    def __init__(self, region: "AccountRegion", functions: Functions, mapping: Any) -> None:
        self.mapping = mapping
        self._region = region
        self._functions = functions
        self._stopped = threading.Event()
        self._checks: list[Hold] = []
        self._lock = threading.Lock()
        region.scheduler.before_settle.append(self.wake)
        self.wake()
        self._thread = threading.Thread(target=self._run, name=f"kafka {mapping.uuid}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Hold settle() until everything that the topics contain now is processed."""
        if self.mapping.enabled and not self._stopped.is_set():
            with self._lock:
                self._checks.append(self._region.scheduler.hold(f"poll of Kafka topic {self.mapping.topics[0]}"))

    def stop(self) -> None:
        """Stop reading, and leave the consumer group."""
        if self._stopped.is_set():
            return
        self._region.scheduler.before_settle.remove(self.wake)
        self._stopped.set()
        self._thread.join(_LEAVE_SECONDS)
        self._release(self._take_checks())

    def _run(self) -> None:
        from confluent_kafka import Consumer

        config = self.mapping.self_managed_kafka_event_source_config or self.mapping.kafka_config or {}
        first = "latest" if self.mapping.starting_position == "LATEST" else "earliest"
        consumer = Consumer(
            {
                "bootstrap.servers": self.mapping.brokers,
                "group.id": config.get("ConsumerGroupId") or self.mapping.uuid,
                "auto.offset.reset": first,
                "enable.auto.commit": False,
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )
        consumer.subscribe(list(self.mapping.topics))
        try:
            while not self._stopped.is_set():
                self._cycle(consumer)
        finally:
            consumer.close()

    def _cycle(self, consumer: Any) -> None:
        from confluent_kafka import KafkaException

        checks, read_all = self._take_checks(), False
        try:
            read_all = self._poll(consumer)
        except KafkaException as error:
            _LOG.warning("Kafka topic %s: %s. The poller tries again.", self.mapping.topics[0], error)
            self._stopped.wait(_PAUSE_SECONDS)
        if read_all:
            self._release(checks)
        else:
            with self._lock:
                self._checks += checks

    def _poll(self, consumer: Any) -> bool:
        """Deliver the next records and commit their offsets. Return whether the topics have no others."""
        messages = [each for each in consumer.consume(self.mapping.batch_size, _POLL_SECONDS) if not each.error()]
        if messages and self.mapping.enabled:
            self._deliver(messages)
            if not self._stopped.is_set():
                consumer.commit(offsets=_after(messages), asynchronous=False)
        return not messages and self._has_read_all(consumer)

    def _take_checks(self) -> list[Hold]:
        with self._lock:
            checks, self._checks = self._checks, []
        return checks

    def _release(self, checks: list[Hold]) -> None:
        for check in checks:
            check.release()

    def _has_read_all(self, consumer: Any) -> bool:
        """Return whether no assigned partition has records that were not consumed."""
        assigned = consumer.assignment()
        committed = consumer.committed(assigned, timeout=5) if assigned else []
        for position, stored in zip(consumer.position(assigned), committed, strict=True):
            _, high = consumer.get_watermark_offsets(position, timeout=5)
            if high > max(position.offset, stored.offset, 0):
                return False
        return bool(assigned)

    def _deliver(self, messages: list[Any]) -> None:
        """Invoke the function with a batch until it succeeds, or the batch goes to the on-failure destination."""
        finished = threading.Event()
        self._region.scheduler.soon(lambda: self._invoke(messages, 0, finished), "batch of Kafka")
        while not finished.wait(_POLL_SECONDS):
            if self._stopped.is_set():
                return

    def _invoke(self, messages: list[Any], attempt: int, finished: threading.Event) -> None:
        payload = json.dumps(self._event(messages)).encode()

        def done(outcome: Outcome | None) -> None:
            if outcome is not None and outcome.status == "ok":
                finished.set()
            elif self._exhausted(messages, attempt):
                self._discard(messages, payload)
                finished.set()
            else:
                delay = min(MAX_RETRY_DELAY, 2.0**attempt)
                again = attempt + (outcome is not None)
                self._region.scheduler.after(delay, lambda: self._invoke(messages, again, finished), "retry of Kafka")

        try:
            function = self._functions.find(self.mapping.function_arn)
        except LookupError:
            finished.set()
            return
        self._functions.invoke(function, payload, done)

    def _exhausted(self, messages: list[Any], attempt: int) -> bool:
        limit, age = self.mapping.max_retry_attempts, self.mapping.max_record_age
        oldest = min(message.timestamp()[1] for message in messages) / 1000
        most = _RETENTION if age is None or age < 0 else age
        return bool((limit is not None and 0 <= limit <= attempt) or self._region.clock.now() - oldest > most)

    def _discard(self, messages: list[Any], payload: bytes) -> None:
        """Send a batch to the on-failure destination.

        https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
        """
        destination = ((self.mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        name = self._functions.name_of(self.mapping.function_arn)
        self._region.record_dead_letter([], destination or "no destination", name)
        if destination:
            first = messages[0]
            record = {"requestContext": {"functionArn": self.mapping.function_arn}, "version": "1.0"}
            folder = f"aws/lambda/{self.mapping.uuid}/{first.topic()}-{first.partition()}"
            send_to_destination(self._region, destination, record, folder=folder, payload=payload.decode())

    def _event(self, messages: list[Any]) -> dict[str, Any]:
        records: dict[str, list[dict[str, Any]]] = {}
        for message in messages:
            records.setdefault(f"{message.topic()}-{message.partition()}", []).append(_record(message))
        arn = self.mapping.event_source_arn
        source = {"eventSource": "aws:kafka", "eventSourceArn": arn} if arn else {"eventSource": "SelfManagedKafka"}
        return {**source, "bootstrapServers": self.mapping.brokers, "records": records}


def _record(message: Any) -> dict[str, Any]:
    kind, timestamp = message.timestamp()
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": timestamp,
        "timestampType": _TIMESTAMP_TYPES.get(kind, "NO_TIMESTAMP_TYPE"),
        "key": _encoded(message.key()),
        "value": _encoded(message.value()),
        "headers": [{name: list(value or b"")} for name, value in message.headers() or ()],
    }


def _encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _after(messages: list[Any]) -> list[Any]:
    from confluent_kafka import TopicPartition

    last = {(message.topic(), message.partition()): message.offset() for message in messages}
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
