"""A shop's subscribers in another account and region: each stack stands where it says, and events find their way."""

import json

import pytest

from millrace.events import Event

GROUP, FAR = "111122223333", "eu-west-1"


class Sold(Event, source="test.shop", external=True):
    sale_id: str
    receipt: str = ""


@pytest.fixture
def sell(abroad):
    """Tell of a sale; gives its flow, once all is settled."""

    def sell(sale_id, **more):
        told = abroad.put(Sold(sale_id=sale_id, **more), bus="shop")
        abroad.settle()
        return abroad.trace(told.correlation_id)

    return sell


@pytest.fixture
def booked(abroad):
    """What the group has booked of a sale."""
    there = {"account": GROUP, "region": FAR}
    (name,) = [name for name in abroad.client("dynamodb", **there).list_tables()["TableNames"] if "Books" in name]
    return lambda sale_id: abroad.resource("dynamodb", **there).Table(name).get_item(Key={"key": sale_id})["Item"]


def test_each_stack_stands_in_its_account_and_region(abroad):
    buses = [
        [bus["Arn"] for bus in client.list_event_buses()["EventBuses"] if bus["Name"] != "default"]
        for client in (abroad.client("events"), abroad.client("events", account=GROUP, region=FAR))
    ]
    assert buses == [
        ["arn:aws:events:us-east-1:123456789012:event-bus/shop"],
        [f"arn:aws:events:{FAR}:{GROUP}:event-bus/group"],
    ]


def test_a_processor_of_another_account_and_region_handles_what_its_bus_is_sent(sell, booked):
    flow = sell("s-1")
    assert booked("s-1")["region"] == FAR
    assert (len(flow.work("book_sale").attempts), flow.errors()) == (1, [])


def test_a_queue_of_another_account_is_sent_the_event_whole(abroad, sell):
    sell("s-2")
    sqs = abroad.client("sqs", account=GROUP)
    url = sqs.get_queue_url(QueueName="ledger")["QueueUrl"]
    bodies = [
        json.loads(each["Body"]) for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    ]
    (event,) = [body for body in bodies if body["detail"]["data"]["sale_id"] == "s-2"]
    assert (event["account"], event["region"]) == ("123456789012", "us-east-1")


def test_the_groups_bus_does_not_believe_a_claim_of_the_shops(abroad, sell):
    flow = sell("s-3", receipt="x" * 300_000)
    (error,) = [text for text in flow.errors() if "claim" in text]
    ssm = abroad.client("ssm", account="111122223333", region="eu-west-1")
    own = ssm.get_parameter(Name="/millrace/group/claims-bucket")["Parameter"]["Value"]
    assert f"should be {own}, the bucket of its bus" in error


def test_another_event_of_the_shops_account_is_kept_from_the_groups_bus(abroad):
    entry = {"Source": "test.shop", "DetailType": "Refunded", "Detail": "{}"}
    bus = f"arn:aws:events:{FAR}:{GROUP}:event-bus/group"
    events = abroad.client("events")
    events.put_rule(Name="all", EventPattern='{"source": ["test.shop"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": bus}])
    event_id = events.put_events(Entries=[entry])["Entries"][0]["EventId"]
    abroad.settle()
    assert any("NO_PERMISSIONS" in error for error in abroad.trace(event_id).errors())


def test_what_is_deployed_again_is_left_alone_everywhere(abroad, abroad_assembly):
    changes = []
    abroad.deploy(abroad_assembly, changes.append)
    assert changes == []
