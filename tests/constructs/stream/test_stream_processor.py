"""StreamProcessor: the event source mapping, the windows, and what is refused."""

import pytest
from aws_cdk import Duration, aws_kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from millrace.constructs import Bus, ChannelLimitError, StreamProcessor, StreamSourceError, TopicRule, kafka, kinesis

CLUSTER = "arn:aws:kafka:us-east-1:111122223333:cluster/logs/abc-1"


def mapping(template):
    (found,) = template.of("Lambda::EventSourceMapping").values()
    return found


def trusts(template):
    roles = template.of("IAM::Role").values()
    return [each for role in roles for each in role["AssumeRolePolicyDocument"]["Statement"]]


def test_stream_processor_reads_its_stream_in_tumbling_windows(stack, bus, synthesised):
    StreamProcessor(stack, "P", bus=bus, function="watch_access")
    found = mapping(synthesised())
    assert (found["TumblingWindowInSeconds"], found["BisectBatchOnFunctionError"]) == (60, True)
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert {"OnFailure"} == found["DestinationConfig"].keys()


def test_settings_of_the_source_are_those_of_the_mapping(stack, bus, synthesised):
    source = kinesis(shard_count=None, parallelization_factor=4, tumbling_window=Duration.seconds(30))
    StreamProcessor(stack, "P", bus=bus, function="watch_cargo", source=source)
    template = synthesised()
    found = mapping(template)
    (stream,) = template.of("Kinesis::Stream").values()
    assert (found["ParallelizationFactor"], found["TumblingWindowInSeconds"]) == (4, 30)
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def test_enhanced_fan_out_registers_a_consumer(stack, bus, synthesised):
    StreamProcessor(stack, "P", bus=bus, function="watch_access", source=kinesis(enhanced_fan_out=True))
    template = synthesised()
    ((name, _),) = template.of("Kinesis::StreamConsumer").items()
    assert mapping(template)["EventSourceArn"] == {"Fn::GetAtt": [name, "ConsumerARN"]}


def test_function_may_only_write_its_windows_and_ticks(stack, bus, synthesised):
    StreamProcessor(stack, "P", bus=bus, function="watch_access")
    template = synthesised()
    statements = template.statements(template.function("watch_access"))
    (windows,) = [each for each in statements if "dynamodb:PutItem" in each["Action"]]
    assert windows["Action"] == ["dynamodb:BatchGetItem", "dynamodb:PutItem"]
    (opened,) = [each for each in statements if "dynamodb:Query" in each["Action"]]
    assert "/index/open-windows" in str(opened["Resource"])
    assert "kinesis:PutRecords" in str(statements)
    assert not any("*" in str(each["Action"]) for each in statements)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"parallelization_factor": 11}, "parallelization_factor=11.: set 1 to 10"),
        ({"tumbling_window": Duration.minutes(20)}, "the tumbling window has 1200 s: set 1 to 900 s"),
        ({"retention": Duration.seconds(1)}, "but the stream keeps a record for 1 s"),
    ],
)
def test_setting_beyond_a_limit_raises(stack, bus, source, message):
    with pytest.raises(StreamSourceError, match=message):
        StreamProcessor(stack, "P", bus=bus, function="watch_cargo", source=kinesis(**source))


def test_kafka_cluster_of_ones_own_is_read_with_a_secret(stack, bus, synthesised):
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Secret", "kafka")
    servers = ["broker.example.com:9092"]
    source = kafka("access", consumer_group="shop", bootstrap_servers=servers, secret=secret)
    StreamProcessor(stack, "P", bus=bus, function="watch_access", source=source)
    found = mapping(synthesised())
    assert found["SelfManagedEventSource"] == {"Endpoints": {"KafkaBootstrapServers": servers}}
    assert (found["Topics"], found["SelfManagedKafkaEventSourceConfig"]) == (["access"], {"ConsumerGroupId": "shop"})
    assert [access["Type"] for access in found["SourceAccessConfigurations"]] == ["SASL_SCRAM_512_AUTH"]


def test_msk_cluster_is_read_with_iam(stack, bus, synthesised):
    source = kafka("access", consumer_group="shop", cluster_arn=CLUSTER)
    StreamProcessor(stack, "P", bus=bus, function="watch_access", source=source)
    template = synthesised()
    statements = template.statements(template.function("watch_access"))
    (read,) = [each for each in statements if "kafka-cluster:ReadData" in each["Action"]]
    assert read["Resource"] == "arn:aws:kafka:us-east-1:111122223333:topic/logs/abc-1/access"
    assert mapping(template)["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": "shop"}


def test_kafka_needs_one_cluster(stack, bus):
    with pytest.raises(StreamSourceError, match="needs either cluster_arn"):
        StreamProcessor(stack, "P", bus=bus, function="watch_access", source=kafka("t", consumer_group="g"))


@pytest.mark.parametrize(
    "source", [kinesis(batch_size=10_001), kafka("t", consumer_group="g", cluster_arn=CLUSTER, batch_size=0)]
)
def test_batch_size_of_a_source_beyond_the_limit_of_lambda_raises(stack, bus, source):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    with pytest.raises(ChannelLimitError, match="StreamProcessor Test/P: batch_size="):
        StreamProcessor(stack, "P", bus=bus, function="watch_access", source=source)


def test_topic_rule_puts_messages_into_the_stream(stack, bus, synthesised):
    watch = StreamProcessor(stack, "P", bus=bus, function="watch_cargo")
    TopicRule(stack, "Rule", processor=watch, topic_filter="cargo/+/temperature", partition_key="${order_id}")
    (rule,) = synthesised().of("IoT::TopicRule").values()
    payload = rule["TopicRulePayload"]
    assert payload["Sql"] == "SELECT * FROM 'cargo/+/temperature'"
    assert payload["Actions"][0]["Kinesis"]["PartitionKey"] == "${order_id}"
    assert payload["ErrorAction"].keys() == {"Sqs"}


def test_role_of_a_topic_rule_is_for_this_rule_and_exists_before_it(stack, bus, synthesised):
    """https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html"""
    watch = StreamProcessor(stack, "P", bus=bus, function="watch_cargo")
    TopicRule(stack, "Rule", processor=watch, topic_filter="a", partition_key="b")
    template = synthesised()
    ((name, rule),) = template.of("IoT::TopicRule").items()
    (statement,) = [trust for trust in trusts(template) if trust["Principal"] == {"Service": "iot.amazonaws.com"}]
    assert statement["Condition"]["StringEquals"].keys() == {"aws:SourceAccount"}
    assert f":rule/{rule['RuleName']}" in str(statement["Condition"]["ArnLike"])
    assert len(template.resources[name]["DependsOn"]) == 2


def uses(template, service):
    """The keys that roles can use to write by a service."""
    policies = [each["PolicyDocument"]["Statement"] for each in template.of("IAM::Policy").values()]
    return [
        each["Resource"]
        for statements in policies
        for each in statements
        if "kms:GenerateDataKey" in each["Action"] and f"'{service}.'" in str(each.get("Condition"))
    ]


def test_topic_rule_writes_dead_letters_that_a_customer_key_encrypts(stack, synthesised):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    bus = Bus(stack, "KeyBus", name="keyed", encryption_key="create")
    watch = StreamProcessor(stack, "P", bus=bus, function="watch_cargo")
    TopicRule(stack, "Rule", processor=watch, topic_filter="a", partition_key="b")
    template = synthesised()
    assert [len(uses(template, service)) for service in ("sqs", "kinesis")] == [2, 2]  # of the function, and of IoT


def test_function_puts_ticks_into_a_stream_with_another_key(stack, bus, synthesised):
    """https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html"""
    existing = aws_kinesis.Stream(stack, "Existing", encryption_key=kms.Key(stack, "Key"))
    StreamProcessor(stack, "P", bus=bus, function="watch_cargo", source=kinesis(stream=existing))
    template = synthesised()
    ((key, _),) = template.of("KMS::Key").items()
    assert uses(template, "kinesis") == [{"Fn::GetAtt": [key, "Arn"]}]


def test_function_has_time_for_the_windows_of_thousands_of_keys(stack, bus, synthesised):
    StreamProcessor(stack, "P", bus=bus, function="watch_cargo")
    StreamProcessor(stack, "Q", bus=bus, function="watch_access", timeout=Duration.seconds(20))
    template = synthesised()
    assert [
        template.of("Lambda::Function")[template.function(name)]["Timeout"] for name in ("watch_cargo", "watch_access")
    ] == [300, 20]


def test_topic_rule_needs_a_kinesis_stream(stack, bus):
    source = kafka("t", consumer_group="g", bootstrap_servers=["broker.example.com:9092"])
    watch = StreamProcessor(stack, "P", bus=bus, function="watch_cargo", source=source)
    with pytest.raises(StreamSourceError, match="reads no Kinesis stream"):
        TopicRule(stack, "Rule", processor=watch, topic_filter="a", partition_key="b")
