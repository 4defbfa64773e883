"""Asynchronous invocations: retries, maximum age, destinations and dead letters."""

import json
import zipfile

import pytest
from lambda_kit import message_bodies

pytest_plugins = ["lambda_fixtures"]
FAILS = "raise RuntimeError('no')"


@pytest.fixture
def client(site):
    return site.client("lambda")


@pytest.fixture
def invoke(site, client):
    """Invoke asynchronously and settle. Return the seconds that passed in the local cloud."""

    def invoke(name="f", event=None):
        before = site.cloud.scheduler.clock.now()
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event or {"n": 1}).encode())
        site.settle()
        return site.cloud.scheduler.clock.now() - before

    return invoke


def configure(client, name="f", on_success=None, on_failure=None, **more):
    destinations = {"OnSuccess": on_success, "OnFailure": on_failure}
    config = {key: {"Destination": arn} for key, arn in destinations.items() if arn}
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig=config, **more)


def test_failed_invocation_is_retried_after_one_and_two_minutes(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", FAILS)
    assert 180 <= invoke() < 200
    assert len(site.seen()) == 3


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), zipfile.BadZipFile("no zip")])
def test_invocation_is_retried_if_its_code_cannot_be_unpacked(site, client, monkeypatch, failure):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function()
    unpack = zipfile.ZipFile.extractall
    attempts = iter([failure])

    def fail_once(archive, *args):
        for error in attempts:
            raise error
        unpack(archive, *args)

    monkeypatch.setattr(zipfile.ZipFile, "extractall", fail_once)
    client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')
    site.settle(20)
    assert site.seen() == [{"n": 1}]


@pytest.mark.parametrize("retries", [0, 1])
def test_maximum_retry_attempts_limits_retries(site, client, invoke, retries):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html"""
    site.function("f", FAILS)
    configure(client, MaximumRetryAttempts=retries)
    invoke()
    assert len(site.seen()) == retries + 1


def test_last_event_invoke_config_applies(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    site.function("f", FAILS)
    configure(client, MaximumRetryAttempts=2)
    configure(client, MaximumRetryAttempts=0)
    invoke()
    assert len(site.seen()) == 1
    assert client.get_function_event_invoke_config(FunctionName="f")["MaximumRetryAttempts"] == 0


def test_event_is_not_retried_past_its_maximum_age(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn, MaximumEventAgeInSeconds=100)
    invoke()
    assert len(site.seen()) == 2
    assert message_bodies(dead)[0]["requestContext"]["condition"] == "EventAgeExceeded"


def test_throttling_does_not_count_as_a_retry(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", "time.sleep(0.2)")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for number in range(3):
        client.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(number).encode())
    site.settle()
    assert sorted(site.seen()) == [0, 1, 2]


def test_zero_reserved_concurrency_discards_events_without_retries(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function()
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert invoke() < 60
    (dead_letter,) = message_bodies(dead)
    assert dead_letter["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert dead_letter["requestContext"]["approximateInvokeCount"] == 0


# -- destinations ----------------------------------------------------------------------------------------------------


def test_on_success_destination_gets_request_and_response(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    arn = site.function("f", "return 'done'")
    records = site.queue("records")
    configure(client, on_success=records.arn)
    invoke()
    (record,) = message_bodies(records)
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestContext"]["condition"] == "Success"
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, "done")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_on_failure_destination_gets_a_record_after_the_last_retry(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn)
    invoke()
    (record,) = message_bodies(dead)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"


def test_destination_function_gets_the_record_as_its_event(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", "return 1")
    configure(client, on_success=site.function("g"))
    invoke()
    (record,) = site.seen("g")
    assert (record["version"], record["responsePayload"]) == ("1.0", 1)


def test_destination_topic_gets_the_record_as_its_message(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", "return 1")
    topic, records = site.client("sns").create_topic(Name="records")["TopicArn"], site.queue("records")
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=records.arn)
    configure(client, on_success=topic)
    invoke()
    assert json.loads(message_bodies(records)[0]["Message"])["responsePayload"] == 1


@pytest.mark.parametrize(("line", "outcome"), [("return 1", "Success"), (FAILS, "Failure")])
def test_destination_bus_gets_the_record_in_an_event_from_lambda(site, client, invoke, line, outcome):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    arn = site.function("f", line)
    events, records = site.client("events"), site.queue("records")
    bus = events.create_event_bus(Name="b")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="b", EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="all", EventBusName="b", Targets=[{"Id": "1", "Arn": records.arn}])
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    site.client("sqs").set_queue_attributes(QueueUrl=records.url, Attributes={"Policy": json.dumps(policy)})
    configure(client, on_success=bus, on_failure=bus)
    invoke()
    (event,) = message_bodies(records)
    assert event["detail-type"] == f"Lambda Function Invocation Result - {outcome}"
    assert event["resources"] == [bus, f"{arn}:$LATEST"]
    assert event["detail"]["requestPayload"] == {"n": 1}


def test_destination_bucket_stores_the_record_of_a_failure(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", FAILS)
    s3 = site.client("s3")
    s3.create_bucket(Bucket="records")
    configure(client, on_failure="arn:aws:s3:::records", MaximumRetryAttempts=0)
    invoke()
    (found,) = s3.list_objects_v2(Bucket="records")["Contents"]
    assert found["Key"].startswith("aws/lambda/async/f/")
    assert json.loads(s3.get_object(Bucket="records", Key=found["Key"])["Body"].read())["requestPayload"] == {"n": 1}


def test_event_invoke_config_of_an_alias_applies_only_to_the_alias(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    site.function("f", FAILS)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    configure(client, Qualifier="live", MaximumRetryAttempts=0)
    invoke("f:live")
    assert len(site.seen()) == 1
    invoke("f")
    assert len(site.seen()) == 4


# -- dead letters ----------------------------------------------------------------------------------------------------


def test_dead_letter_queue_gets_the_event_with_the_error_in_attributes(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    dead = site.queue("dead")
    site.function("f", FAILS, DeadLetterConfig={"TargetArn": dead.arn})
    invoke()
    (dead_letter,) = dead.receive()
    assert json.loads(dead_letter["Body"]) == {"n": 1}
    assert dead_letter["MessageAttributes"]["ErrorCode"] == {"StringValue": "200", "DataType": "Number"}
    assert dead_letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"
    assert "RequestID" in dead_letter["MessageAttributes"]


def test_dead_letter_topic_gets_the_event(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    topic, dead = site.client("sns").create_topic(Name="dead")["TopicArn"], site.queue("dead")
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead.arn)
    site.function("f", FAILS, DeadLetterConfig={"TargetArn": topic})
    invoke()
    (dead_letter,) = message_bodies(dead)
    assert json.loads(dead_letter["Message"]) == {"n": 1}
    assert dead_letter["MessageAttributes"]["ErrorCode"]["Value"] == "200"
