"""Subscribers of a shop in another account and region."""

import json

import pytest

from millrace.events import Event

GROUP, GROUP_REGION = "111122223333", "eu-west-1"


class Sold(Event, source="test.shop", external=True):
    sale_id: str
    receipt: str = ""


@pytest.fixture
def sell(cross_account):
    """Publish a sale and settle; return its trace."""

    def sell(sale_id, **more):
        metadata = cross_account.put(Sold(sale_id=sale_id, **more), bus="shop")
        cross_account.settle()
        return cross_account.trace(metadata.correlation_id)

    return sell


@pytest.fixture
def booked(cross_account):
    """Return the group's booking of a sale."""
    dynamodb = cross_account.resource("dynamodb", account=GROUP, region=GROUP_REGION)
    (table,) = [table for table in dynamodb.tables.all() if "Books" in table.name]
    return lambda sale_id: table.get_item(Key={"key": sale_id})["Item"]


def test_each_stack_is_deployed_to_its_account_and_region(cross_account):
    events = cross_account.client("events")
    events_of_group = cross_account.client("events", account=GROUP, region=GROUP_REGION)
    buses = [
        [bus["Arn"] for bus in client.list_event_buses()["EventBuses"] if bus["Name"] != "default"]
        for client in (events, events_of_group)
    ]
    assert buses == [
        ["arn:aws:events:us-east-1:123456789012:event-bus/shop"],
        [f"arn:aws:events:{GROUP_REGION}:{GROUP}:event-bus/group"],
    ]


def test_processor_of_another_account_and_region_handles_the_event(sell, booked):
    flow = sell("s-1")
    assert booked("s-1")["region"] == GROUP_REGION
    assert (len(flow.work("book_sale").attempts), flow.errors()) == (1, [])


def test_queue_of_another_account_receives_the_whole_event(cross_account, sell):
    sell("s-2")
    sqs = cross_account.client("sqs", account=GROUP)
    url = sqs.get_queue_url(QueueName="ledger")["QueueUrl"]
    bodies = [
        json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    (event,) = [body for body in bodies if body["detail"]["data"]["sale_id"] == "s-2"]
    assert (event["account"], event["region"]) == ("123456789012", "us-east-1")


def test_bus_of_the_group_rejects_a_claim_of_the_shop(cross_account, sell):
    flow = sell("s-3", receipt="x" * 300_000)
    (error,) = [text for text in flow.errors() if "claim" in text]
    ssm = cross_account.client("ssm", account="111122223333", region="eu-west-1")
    own = ssm.get_parameter(Name="/millrace/group/claims-bucket")["Parameter"]["Value"]
    assert f"should be {own}, the bucket of its bus" in error


def test_other_event_of_the_shop_is_denied_by_the_bus_of_the_group(cross_account):
    entry = {"Source": "test.shop", "DetailType": "Refunded", "Detail": "{}"}
    bus = f"arn:aws:events:{GROUP_REGION}:{GROUP}:event-bus/group"
    events = cross_account.client("events")
    events.put_rule(Name="all", EventPattern='{"source": ["test.shop"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": bus}])
    event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    cross_account.settle()
    assert any("NO_PERMISSIONS" in error for error in cross_account.trace(event_id).errors())


def test_second_deployment_changes_nothing(cross_account, cross_account_assembly):
    changes = []
    cross_account.deploy(cross_account_assembly, changes.append)
    assert changes == []
