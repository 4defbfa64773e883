"""The access log of the shop on Kafka: the same processor, fed by the mock cluster of librdkafka (`make kafka`)."""

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

confluent_kafka = pytest.importorskip("confluent_kafka")
pytestmark = pytest.mark.skipif("MILLRACE_KAFKA_TESTS" not in os.environ, reason="make kafka runs them")
HOSTS = ("shop-0", "shop-1", "shop-2")
"""One for each partition."""
LINES = 50_000 // 3 + 1
"""Of each host."""
SECONDS = 7_200
LATENESS = 10
START = datetime(2026, 3, 1, tzinfo=UTC)
GROUP, TOPIC = "shop", "access"


class Broker:
    """A mock cluster with one topic of three partitions."""

    def __init__(self):
        settings = {"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0, "linger.ms": 50}
        self._producer = confluent_kafka.Producer(settings)
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def put(self, lines):
        """Put lines, (host, seconds after START, line), with their own times of arrival."""
        for host, at, line in lines:
            moment = round((START.timestamp() + at + 1) * 1000)
            self._producer.produce(TOPIC, line, key=host, partition=HOSTS.index(host), timestamp=moment)
            self._producer.poll(0)
        self._producer.flush(30)

    def member(self, **more):
        """Return another member of the consumer group."""
        settings = {"bootstrap.servers": self.address, "group.id": GROUP, "enable.auto.commit": False}
        return confluent_kafka.Consumer({**settings, "partition.assignment.strategy": "cooperative-sticky", **more})

    def is_read(self):
        """Whether the group has committed the offset of the last line of each partition."""
        reader = self.member()
        partitions = [confluent_kafka.TopicPartition(TOPIC, number) for number in range(3)]
        committed = [each.offset for each in reader.committed(partitions, timeout=10)]
        reader.close()
        return committed == [LINES + 1] * 3


def lines():
    """Return the lines of all hosts in order of time; the last line of each closes its windows."""
    draw, made = random.Random(7), []
    rates = {(host, minute): draw.choice((0.01, 0.04, 0.06, 0.2)) for host in HOSTS for minute in range(SECONDS // 60)}
    for host in HOSTS:
        times = sorted(draw.uniform(0, SECONDS) for _ in range(LINES))
        failing = [draw.random() < rates[host, int(at // 60)] for at in times]
        made += [(host, at, line(host, at, 500 if failed else 200)) for at, failed in zip(times, failing, strict=True)]
        made.append((host, SECONDS + 600, line(host, SECONDS + 600, 200)))
    return sorted(made, key=lambda each: each[1])


def line(host, at, status):
    moment = (START + timedelta(seconds=int(at))).strftime("%d/%b/%Y:%H:%M:%S %z")
    return f'{host} - - [{moment}] "GET / HTTP/1.1" {status} 12'


def reported(made):
    """Return the minutes of each host with more than 5 % of failures, in order, each with both counts."""
    requests, failed = Counter(), Counter()
    for host, at, text in made:
        requests[host, int(at // 60)] += 1
        failed[host, int(at // 60)] += " 500 " in text
    high = [
        (host, minute) for host, minute in sorted(requests) if failed[host, minute] * 100 > requests[host, minute] * 5
    ]
    return {host: [(key[1], (requests[key], failed[key])) for key in high if key[0] == host] for host in HOSTS}


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def deployed(empty_cloud, broker, tmp_path):
    """Deploy the access log with a Kafka source, without the checks of the whole shop."""
    from aws_cdk import App, Stack

    from infra.access_log import AccessLog
    from millrace.constructs import Bus, kafka

    out, unchecked = tmp_path / "cdk.out", {"millrace:check": "no"}
    stack = Stack(App(outdir=str(out), context=unchecked, analytics_reporting=False), "Logs")
    bus = Bus(stack, "Bus", name="logs")
    servers = broker.address.split(",")
    AccessLog(stack, "AccessLog", bus=bus, source=kafka(TOPIC, consumer_group=GROUP, bootstrap_servers=servers))
    stack.node.root.synth()
    empty_cloud.deploy(out)
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture
def reports(deployed):
    """The minutes that are reported of each host, in the order of their publication, each event once."""
    from millrace.local.services.eventbridge import EventBridge

    found = {host: {} for host in HOSTS}

    def add(envelope):
        if envelope["detail-type"] == "ErrorRateHigh":
            data = envelope["detail"]["data"]
            minute = int((datetime.fromisoformat(data["since"]) - START).total_seconds()) // 60
            found[data["host"]].setdefault(minute, (data["requests"], data["failed"]))

    deployed.on_loop(lambda: deployed.region.service(EventBridge).buses.listeners.append(add))
    return found


def test_error_rates_of_50000_lines_are_exact_and_in_order_through_a_rebalance(deployed, broker, reports):
    """https://docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html"""
    made = lines()
    broker.put(made[: len(made) // 2])
    other = broker.member()
    other.subscribe([TOPIC])
    while not other.assignment():
        other.poll(0.5)  # it takes a partition, and commits nothing
    broker.put(made[len(made) // 2 :])
    other.close()
    while not broker.is_read():
        deployed.settle(timeout=300)  # raises an error if lines are left
    assert {host: list(found.items()) for host, found in reports.items()} == reported(made)
