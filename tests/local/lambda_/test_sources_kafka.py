"""Topics of Kafka as event sources, on the mock cluster of librdkafka, which speaks Kafka's own protocol."""

import base64
import os

import pytest

pytest_plugins = ["lambda_fixtures"]
confluent_kafka = pytest.importorskip("confluent_kafka")
COUNT = 50_000 // 3 + 1
"""Records of each partition."""
on_mock_cluster = pytest.mark.skipif("MILLRACE_KAFKA_TESTS" not in os.environ, reason="make kafka runs them")


class Broker:
    """A mock cluster with one topic of three partitions."""

    def __init__(self):
        self.producer = confluent_kafka.Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0, "message.timeout.ms": 10_000}
        )
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def put(self, *texts, topic="lines", key=b"k", partition=0):
        for text in texts:
            self.producer.produce(topic, text.encode(), key=key, partition=partition)
            self.producer.poll(0)
        self.producer.flush(20)


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def read(site, broker):
    """Let a function read the topic."""

    def read(*lines, function="f", **more):
        source = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": broker.address.split(",")}}
        site.function(function, *lines)
        return site.client("lambda").create_event_source_mapping(
            FunctionName=function,
            SelfManagedEventSource=source,
            Topics=["lines"],
            StartingPosition="TRIM_HORIZON",
            **more,
        )["UUID"]

    return read


def texts(site, name="f"):
    """Return the values of all records by partition."""
    found = {}
    for event in site.seen(name):
        for partition, records in event["records"].items():
            found.setdefault(partition, []).extend(base64.b64decode(each["value"]).decode() for each in records)
    return found


@on_mock_cluster
def test_function_receives_the_records_of_each_partition_in_order(site, broker, read):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html"""
    for partition in range(3):
        broker.put(*(f"{partition}-{at}" for at in range(200)), partition=partition)
    read()
    site.settle()
    assert texts(site) == {f"lines-{p}": [f"{p}-{at}" for at in range(200)] for p in range(3)}


@on_mock_cluster
def test_record_has_the_format_of_lambda(site, broker, read):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html"""
    broker.put("hello", key=b"me")
    read()
    site.settle()
    (event,) = site.seen()
    ((name, (record,)),) = event["records"].items()
    assert (event["eventSource"], event["bootstrapServers"], name) == ("SelfManagedKafka", broker.address, "lines-0")
    assert (record["topic"], record["offset"], record["timestampType"]) == ("lines", 0, "CREATE_TIME")
    assert base64.b64decode(record["key"]) == b"me"


@on_mock_cluster
def test_failing_batch_comes_again_until_it_succeeds(site, broker, read):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-retry.html"""
    broker.put("a", "b")
    read("    if os.path.getsize(os.environ['SEEN']) < 1500: raise ValueError('not yet')")
    site.settle()
    broker.put("c")
    site.settle()
    assert len(site.seen()) > 2
    assert texts(site)["lines-0"][-3:] == ["a", "b", "c"]


@on_mock_cluster
def test_mapping_continues_where_its_consumer_group_was(site, broker, read):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-configure.html"""
    group = {"SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "group"}}
    broker.put("a")
    uuid = read(**group)
    site.settle()
    site.client("lambda").delete_event_source_mapping(UUID=uuid)
    broker.put("b")
    read(function="g", **group)
    site.settle()
    assert (texts(site), texts(site, "g")) == ({"lines-0": ["a"]}, {"lines-0": ["b"]})


@on_mock_cluster
def test_rebalance_loses_no_record_and_keeps_the_order_of_each_partition(site, broker, read):
    """https://docs.aws.amazon.com/lambda/latest/dg/kafka-scaling-modes.html"""
    more = {"SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "group"}, "BatchSize": 1000}
    numbers = [str(at) for at in range(COUNT)]
    for partition in range(3):
        broker.put(*numbers[: COUNT // 2], partition=partition)
    read(**more)
    read(function="g", **more)
    for partition in range(3):
        broker.put(*numbers[COUNT // 2 :], partition=partition)
    site.settle(timeout=120)
    first, second = ({name: [*map(int, each)] for name, each in texts(site, f).items()} for f in "fg")
    assert all([first, second])
    assert all(each == sorted(each) for each in (*first.values(), *second.values()))
    assert all({*first.get(f"lines-{p}", ()), *second.get(f"lines-{p}", ())} == {*range(COUNT)} for p in range(3))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"EventSourceArn": "arn:aws:kafka:us-east-1:1:cluster/c/1"}, "no Kafka cluster for the topic lines"),
        (
            {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka.example.com:9092"]}}},
            "loopback",
        ),
        ({"EventSourceArn": "arn:aws:mq:us-east-1:1:broker:b:1"}, "does not run event sources of Amazon MQ"),
    ],
)
def test_event_source_that_does_not_run_here_is_refused_by_name(site, source, message):
    site.function()
    with pytest.raises(Exception, match=message):
        site.client("lambda").create_event_source_mapping(FunctionName="f", Topics=["lines"], **source)


def test_disabled_mapping_of_a_cluster_without_an_arn_is_answered(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    source = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["127.0.0.1:9"]}}
    site.function()
    created = site.client("lambda").create_event_source_mapping(
        FunctionName="f", SelfManagedEventSource=source, Topics=["lines"], StartingPosition="LATEST", Enabled=False
    )
    found = site.client("lambda").get_event_source_mapping(UUID=created["UUID"])
    assert (found["State"], found["Topics"], found["SelfManagedEventSource"]) == ("Disabled", ["lines"], source)
    assert "EventSourceArn" not in found
