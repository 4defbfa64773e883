"""Event buses of other accounts and regions as targets of rules."""

import json

import pytest
from bus_kit import ACCOUNT, OTHER, OTHER_REGION, REGION

pytest_plugins = ["bus_fixtures", "cross_account_fixtures"]


@pytest.mark.parametrize(
    ("account", "region"),
    [(OTHER, REGION), (ACCOUNT, OTHER_REGION), (OTHER, OTHER_REGION)],
    ids=["account", "region", "both"],
)
def test_event_keeps_account_and_region_on_another_bus_and_its_id_within_a_region(
    send, bus_of, forward, account, region
):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    theirs = bus_of(account, region)
    forward(theirs.arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (event,) = theirs.events()
    assert (event["account"], event["region"]) == (ACCOUNT, REGION)
    assert (event["id"] == event_id) is (region == REGION)


def test_rules_of_another_bus_can_match_the_account(send, bus_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html#eb-receiving-events-from-another-account"""
    theirs = bus_of(pattern={"account": [ACCOUNT], "detail": {"n": [2]}})
    forward(theirs.arn)
    send({"n": 1}, {"n": 2})
    assert [event["detail"] for event in theirs.events()] == [{"n": 2}]


@pytest.mark.parametrize(
    ("allowed", "condition"),
    [
        (None, {}),
        ("444455556666", {}),
        (ACCOUNT, {"StringEquals": {"events:source": "shop.web"}}),
        (ACCOUNT, {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:*:*"}}),
    ],
    ids=["no account", "another account", "another source", "another region"],
)
def test_bus_of_another_account_denies_what_its_policy_does_not_allow(send, bus_of, forward, dead, allowed, condition):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html"""
    theirs = bus_of(allowed=allowed, **condition)
    forward(theirs.arn)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_bus_of_another_account_allows_what_meets_its_conditions(send, bus_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html"""
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule"
    condition = {"StringEquals": {"events:source": "shop.orders"}, "ArnEquals": {"aws:SourceArn": rule}}
    theirs = bus_of(**condition)
    forward(theirs.arn)
    send({"n": 1})
    assert len(theirs.events()) == 1


def test_event_is_not_sent_to_a_third_account(local, send, bus_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html"""
    theirs, third = bus_of(), bus_of("444455556666", name="third", allowed=OTHER)
    events = local.client("events", account=OTHER)
    events.put_targets(Rule="all", EventBusName="theirs", Targets=[{"Id": "2", "Arn": third.arn}])
    forward(theirs.arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    assert (len(theirs.events()), third.events()) == (1, [])
    assert any("THIRD_ACCOUNT_HOP_DETECTED" in error for error in local.trace(event_id).errors())


def test_two_buses_that_forward_to_each_other_do_not_loop(local, send, bus_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html"""
    theirs, ours = bus_of(), bus_of(ACCOUNT, name="ours", allowed=OTHER)
    events = local.client("events", account=OTHER)
    events.put_targets(Rule="all", EventBusName="theirs", Targets=[{"Id": "2", "Arn": ours.arn}])
    forward(theirs.arn)
    send({"n": 1})
    assert (len(theirs.events()), ours.events()) == (1, [])


def test_put_events_accepts_arn_of_a_bus_of_another_account(local, send, bus_of):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    theirs = bus_of()
    send({"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": theirs.arn})
    (event,) = theirs.events()
    assert event["account"] == ACCOUNT


def test_put_events_rejects_bus_of_unknown_account(local, send):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html

    Refused: an account exists only after a deployment to it or a call signed for it.
    """
    bus = "arn:aws:events:us-east-1:444455556666:event-bus/theirs"
    error = local.client("events").exceptions.ClientError
    with pytest.raises(error, match="Nothing is deployed to account 444455556666"):
        send({"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": bus})


def test_put_rule_rejects_bus_of_another_account(local, bus_of):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html

    Refused: a rule belongs to a bus of the caller's account and region.
    """
    theirs, events = bus_of(), local.client("events")
    with pytest.raises(events.exceptions.ClientError, match="creates rules only on buses of the caller's account"):
        events.put_rule(Name="mine", EventBusName=theirs.arn, EventPattern=json.dumps({"source": ["a"]}))


def test_put_permission_for_everyone_lets_in_another_account(local, send, bus_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html"""
    theirs = bus_of(allowed=None)
    local.client("events", account=OTHER).put_permission(
        EventBusName="theirs", Action="events:PutEvents", Principal="*", StatementId="all"
    )
    forward(theirs.arn)
    send({"n": 1})
    assert len(theirs.events()) == 1


def test_put_permission_with_policy_replaces_every_statement(events, local):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html"""
    bus = events.create_event_bus(Name="mine")["EventBusArn"]
    give = {"EventBusName": "mine", "Action": "events:PutEvents"}
    events.put_permission(**give, Principal=OTHER, StatementId="one")
    events.put_permission(**give, Principal=OTHER, StatementId="two")
    assert _sids(events) == ["one", "two"]
    statement = {"Sid": "three", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": bus}
    events.put_permission(EventBusName="mine", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert _sids(events) == ["three"]


def _sids(events):
    return [each["Sid"] for each in json.loads(events.describe_event_bus(Name="mine")["Policy"])["Statement"]]
