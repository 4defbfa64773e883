"""Functions invoked asynchronously: retries, age, destinations, dead letters."""

import json
import zipfile

import pytest
from sources_kit import letters

pytest_plugins = ["sources_fixtures"]
FAILS = "raise RuntimeError('no')"


@pytest.fixture
def client(site):
    return site.client("lambda")


@pytest.fixture
def invoke(site, client):
    """Invoke asynchronously and wait for the end. Gives the seconds that passed in the local cloud."""

    def invoke(name="f", event=None):
        before = site.cloud.agenda.clock.now()
        client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event or {"n": 1}).encode())
        site.settle()
        return site.cloud.agenda.clock.now() - before

    return invoke


def configure(client, name="f", on_success=None, on_failure=None, **more):
    destinations = {"OnSuccess": on_success, "OnFailure": on_failure}
    config = {key: {"Destination": arn} for key, arn in destinations.items() if arn}
    client.put_function_event_invoke_config(FunctionName=name, DestinationConfig=config, **more)


def test_a_failed_invocation_is_retried_after_one_minute_and_after_two(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", FAILS)
    assert 180 <= invoke() < 200
    assert len(site.seen()) == 3


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), zipfile.BadZipFile("no zip")])
def test_an_invocation_whose_code_cannot_be_unpacked_is_retried(site, client, monkeypatch, failure):
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
def test_retries_can_be_fewer(site, client, invoke, retries):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html"""
    site.function("f", FAILS)
    configure(client, MaximumRetryAttempts=retries)
    invoke()
    assert len(site.seen()) == retries + 1


def test_the_configuration_that_was_put_last_holds(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    site.function("f", FAILS)
    configure(client, MaximumRetryAttempts=2)
    configure(client, MaximumRetryAttempts=0)
    invoke()
    assert len(site.seen()) == 1
    assert client.get_function_event_invoke_config(FunctionName="f")["MaximumRetryAttempts"] == 0


def test_a_retry_past_the_maximum_age_is_not_made(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn, MaximumEventAgeInSeconds=100)
    invoke()
    assert len(site.seen()) == 2
    assert letters(dead)[0]["requestContext"]["condition"] == "EventAgeExceeded"


def test_a_throttled_event_waits_without_using_up_retries(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function("f", "time.sleep(0.2)")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for number in range(3):
        client.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(number).encode())
    site.settle()
    assert sorted(site.seen()) == [0, 1, 2]


def test_with_a_reserved_concurrency_of_zero_events_are_given_up_at_once(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    site.function()
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert invoke() < 60
    (letter,) = letters(dead)
    assert letter["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert letter["requestContext"]["approximateInvokeCount"] == 0


# -- destinations ----------------------------------------------------------------------------------------------------


def test_a_success_is_told_with_request_and_response(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    arn = site.function("f", "return 'done'")
    told = site.queue("told")
    configure(client, on_success=told.arn)
    invoke()
    (record,) = letters(told)
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestContext"]["condition"] == "Success"
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, "done")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_a_failure_is_told_after_the_last_retry(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", FAILS)
    dead = site.queue("dead")
    configure(client, on_failure=dead.arn)
    invoke()
    (record,) = letters(dead)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"


def test_another_function_gets_the_record_as_its_event(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", "return 1")
    configure(client, on_success=site.function("g"))
    invoke()
    (record,) = site.seen("g")
    assert (record["version"], record["responsePayload"]) == ("1.0", 1)


def test_a_topic_gets_the_record_as_its_message(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", "return 1")
    topic, told = site.client("sns").create_topic(Name="told")["TopicArn"], site.queue("told")
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=told.arn)
    configure(client, on_success=topic)
    invoke()
    assert json.loads(letters(told)[0]["Message"])["responsePayload"] == 1


@pytest.mark.parametrize(("line", "outcome"), [("return 1", "Success"), (FAILS, "Failure")])
def test_a_bus_gets_the_record_in_an_event_of_lambda(site, client, invoke, line, outcome):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    arn = site.function("f", line)
    events, told = site.client("events"), site.queue("told")
    bus = events.create_event_bus(Name="b")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="b", EventPattern='{"source": ["lambda"]}')
    events.put_targets(Rule="all", EventBusName="b", Targets=[{"Id": "1", "Arn": told.arn}])
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    site.client("sqs").set_queue_attributes(QueueUrl=told.url, Attributes={"Policy": json.dumps(policy)})
    configure(client, on_success=bus, on_failure=bus)
    invoke()
    (event,) = letters(told)
    assert event["detail-type"] == f"Lambda Function Invocation Result - {outcome}"
    assert event["resources"] == [bus, f"{arn}:$LATEST"]
    assert event["detail"]["requestPayload"] == {"n": 1}


def test_a_bucket_keeps_the_record_of_a_failure(site, client, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    site.function("f", FAILS)
    s3 = site.client("s3")
    s3.create_bucket(Bucket="kept")
    configure(client, on_failure="arn:aws:s3:::kept", MaximumRetryAttempts=0)
    invoke()
    (found,) = s3.list_objects_v2(Bucket="kept")["Contents"]
    assert found["Key"].startswith("aws/lambda/async/f/")
    assert json.loads(s3.get_object(Bucket="kept", Key=found["Key"])["Body"].read())["requestPayload"] == {"n": 1}


def test_the_configuration_of_an_alias_holds_for_the_alias_alone(site, client, invoke):
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


def test_the_function_s_own_queue_gets_the_event_with_the_error_in_attributes(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    dead = site.queue("dead")
    site.function("f", FAILS, DeadLetterConfig={"TargetArn": dead.arn})
    invoke()
    (letter,) = dead.receive()
    assert json.loads(letter["Body"]) == {"n": 1}
    assert letter["MessageAttributes"]["ErrorCode"] == {"StringValue": "200", "DataType": "Number"}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "RuntimeError: no"
    assert "RequestID" in letter["MessageAttributes"]


def test_the_function_s_own_topic_gets_the_event(site, invoke):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    topic, dead = site.client("sns").create_topic(Name="dead")["TopicArn"], site.queue("dead")
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead.arn)
    site.function("f", FAILS, DeadLetterConfig={"TargetArn": topic})
    invoke()
    (letter,) = letters(dead)
    assert json.loads(letter["Message"]) == {"n": 1}
    assert letter["MessageAttributes"]["ErrorCode"]["Value"] == "200"
