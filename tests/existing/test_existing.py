"""An app that uses tables, queues, topics, secrets and buckets that exist already."""

import json
from pathlib import Path

import pytest
from app_assembly import app_assembly

from millrace.cli import main

APP = Path(__file__).parents[2] / "examples" / "existing"
ANYONE = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}


@pytest.fixture(scope="module")
def others(empty_cloud):
    """What other stacks own. Return the URL of the partner's queue."""
    client = empty_cloud.client
    client("dynamodb").create_table(
        TableName="photo-index",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client("secretsmanager").create_secret(Name="gallery/service", SecretString="s3cret")
    client("ssm").put_parameter(Name="/gallery/model", Value="model-7", Type="String")
    queue = client("sqs").create_queue(QueueName="partner-inbox")["QueueUrl"]
    topic = client("sns").create_topic(Name="partner-news")["TopicArn"]
    policy = {"Statement": [ANYONE | {"Action": "sns:Publish", "Resource": topic}]}
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy))
    news = client("sqs").create_queue(QueueName="news")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:news"
    allow = ANYONE | {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    client("sqs").set_queue_attributes(QueueUrl=news, Attributes={"Policy": json.dumps({"Statement": [allow]})})
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return {"inbox": queue, "news": news}


@pytest.fixture(scope="module")
def gallery(empty_cloud, others, assembly):
    """A cloud with the app, after the upload of one photo and one other object."""
    empty_cloud.deploy(app_assembly(APP, assembly))
    (bucket,) = [
        each["Name"] for each in empty_cloud.client("s3").list_buckets()["Buckets"] if "uploads" in each["Name"]
    ]
    for key in ("photos/cat.jpg", "notes/todo.txt"):
        empty_cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"12345")
    empty_cloud.settle()
    yield empty_cloud
    empty_cloud.reset()


def test_object_of_a_bucket_is_published_as_a_typed_event(gallery):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    (flow,) = [each for each in gallery.traces() if "PhotoUploaded" in each.names()]
    assert flow.errors() == []
    assert flow.names() == ["PhotoUploaded", "PhotoIndexed"]


def test_function_uses_an_imported_table_with_a_secret(gallery):
    (row,) = gallery.client("dynamodb").scan(TableName="photo-index")["Items"]
    assert row == {"key": {"S": "photos/cat.jpg"}, "size": {"N": "5"}, "key_length": {"N": "6"}}


@pytest.mark.parametrize("name", ["inbox", "news"])
def test_imported_queue_and_topic_receive_events(gallery, others, name):
    (message,) = gallery.client("sqs").receive_message(QueueUrl=others[name])["Messages"]
    assert "PhotoIndexed" in message["Body"]
    assert "model-7" in message["Body"]


def test_schedule_publishes_its_event_once_a_day(gallery):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
    gallery.advance(hours=48)
    ended = [flow for flow in gallery.traces() if "DayEnded" in flow.names()]
    assert [flow.errors() for flow in ended] == [[], []]
    assert [work.name for flow in ended for work in flow.works()] == ["close_day", "close_day"]


def test_app_has_no_findings(gallery, monkeypatch, capsys):
    monkeypatch.chdir(APP)
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "No findings.\n"
