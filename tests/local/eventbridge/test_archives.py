"""Archives and replays."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from bus_kit import entry

from millrace.local.services.eventbridge import EventBridge

pytest_plugins = ["bus_fixtures"]

BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"
NOON = datetime(2024, 5, 21, 12, 0, tzinfo=UTC)


def at(minutes, n):
    """Return an entry whose time is `minutes` after noon."""
    return entry({"n": n}, Time=NOON + timedelta(minutes=minutes))


@pytest.fixture
def archive(events):
    def make(name="archive", bus=BUS, **more):
        return events.create_archive(ArchiveName=name, EventSourceArn=bus, **more)["ArchiveArn"]

    return make


@pytest.fixture
def replay(local, events):
    """Replay events from `first` to `last` minutes after noon, and wait for the end."""

    def start(archive, first=-1, last=60, rules=None, name="again", *, settle=True):
        destination = {"Arn": BUS} | ({"FilterArns": rules} if rules else {})
        answer = events.start_replay(
            ReplayName=name,
            Description="once more",
            EventSourceArn=archive,
            EventStartTime=NOON + timedelta(minutes=first),
            EventEndTime=NOON + timedelta(minutes=last),
            Destination=destination,
        )
        if settle:
            local.settle()
        return answer

    return start


def test_archive_stores_matching_events_of_its_bus(send, events, archive):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""
    events.create_event_bus(Name="shop")
    archive("all")
    archive("large", EventPattern=json.dumps({"detail": {"n": [{"numeric": [">", 1]}]}}))
    send({"n": 1}, {"n": 2}, entry({"n": 3}, EventBusName="shop"))
    counts = {known["ArchiveName"]: known["EventCount"] for known in events.list_archives()["Archives"]}
    assert counts == {"all": 2, "large": 1}


def test_describe_archive_returns_count_and_size(send, events, archive):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeArchive.html
    Differs: the counts are current; on AWS they can be up to a day old.
    """
    archive(Description="of orders", RetentionDays=7)
    detail = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
    name = "core.update-account-command"
    send(*[entry(detail, Source=name, DetailType=name) for _ in range(10)])
    described = events.describe_archive(ArchiveName="archive")
    assert (described["EventCount"], described["SizeBytes"]) == (10, 1590)
    assert (described["State"], described["RetentionDays"]) == ("ENABLED", 7)
    assert described["Description"] == "of orders"


def test_archive_drops_events_older_than_its_retention(send, events, archive, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html"""
    archive("week", RetentionDays=7)
    archive("forever")
    send({"n": 1})
    pass_time(7 * 24 * 3600 + 1)
    send({"n": 2})
    counts = {known["ArchiveName"]: known["EventCount"] for known in events.list_archives()["Archives"]}
    assert counts == {"week": 1, "forever": 2}


def test_updated_archive_pattern_applies_to_later_events(send, events, archive):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateArchive.html"""
    archive(EventPattern=json.dumps({"source": ["another"]}))
    send({})
    events.update_archive(ArchiveName="archive", EventPattern=json.dumps({"source": ["shop.orders"]}))
    send({})
    assert events.describe_archive(ArchiveName="archive")["EventCount"] == 1


def test_create_archive_rejects_invalid_pattern(archive):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateArchive.html"""
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        archive(EventPattern='{"source": [{"prefix": 3}]}')


def test_describe_archive_rejects_unknown_archive(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeArchive.html"""
    with pytest.raises(events.exceptions.ResourceNotFoundException, match="Archive none does not exist"):
        events.describe_archive(ArchiveName="none")


def test_replay_publishes_unchanged_events_with_its_name(send, queue, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html"""
    observer, arn = queue(), archive()
    rule(observer.arn)
    send(at(0, 1))
    (first,) = observer.events()
    replay(arn)
    assert observer.events() == [first | {"replay-name": "again"}]


def test_replay_publishes_events_of_its_window_minute_by_minute(send, queue, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_StartReplay.html"""
    observer, arn = queue(), archive()
    send(at(20, 4), at(11, 3), at(9, 1), at(10, 2))
    rule(observer.arn)
    replay(arn, 10, 20)
    assert [event["detail"]["n"] for event in observer.events()] == [2, 3]


def test_replay_triggers_only_rules_of_its_filter(send, queue, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ReplayDestination.html"""
    one, two, arn = queue("one"), queue("two"), archive()
    send(at(0, 1))
    rule(one.arn, name="one")
    wanted = rule(two.arn, name="two")
    replay(arn, rules=[wanted])
    assert one.messages() == []
    assert len(two.messages()) == 1


def test_replay_uses_target_input(send, queue, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html"""
    observer, arn = queue(), archive()
    send(at(0, 1))
    rule(observer.arn, InputPath="$.detail")
    replay(arn)
    assert observer.events() == [{"n": 1}]


def test_replayed_events_are_not_archived_again(send, events, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""
    arn = archive()
    send(at(0, 1))
    replay(arn)
    assert events.describe_archive(ArchiveName="archive")["EventCount"] == 1


def test_replay_runs_after_start_replay_returns(local, send, events, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeReplay.html"""
    arn = archive()
    send(at(0, 1), at(3, 2))
    states = []
    set_state = local.region.service(EventBridge).replays._set_state
    local.region.service(EventBridge).replays._set_state = lambda it, state: (
        states.append(state),
        set_state(it, state),
    )
    try:
        assert replay(arn)["State"] == "STARTING"
    finally:
        del local.region.service(EventBridge).replays._set_state
    assert states == ["RUNNING", "COMPLETED"]


def test_describe_replay_returns_all_fields(send, events, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeReplay.html"""
    arn = archive()
    send(at(0, 1), at(3, 2))
    answer = replay(arn, -1, 60)
    described = events.describe_replay(ReplayName="again")
    del described["ResponseMetadata"]
    assert described.pop("ReplayEndTime") > described["ReplayStartTime"] == answer["ReplayStartTime"]
    del described["ReplayStartTime"]
    assert described == {
        "ReplayName": "again",
        "ReplayArn": "arn:aws:events:us-east-1:123456789012:replay/again",
        "Description": "once more",
        "State": "COMPLETED",
        "EventSourceArn": arn,
        "Destination": {"Arn": BUS},
        "EventStartTime": NOON - timedelta(minutes=1),
        "EventEndTime": NOON + timedelta(minutes=60),
        "EventLastReplayedTime": NOON + timedelta(minutes=3),
    }


def test_cancelled_replay_publishes_nothing(local, send, events, queue, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html"""
    observer, arn = queue(), archive()
    send(at(0, 1))
    rule(observer.arn)
    replay(arn, settle=False)
    assert events.cancel_replay(ReplayName="again")["State"] == "CANCELLING"
    local.settle()
    assert events.describe_replay(ReplayName="again")["State"] == "CANCELLED"
    assert observer.messages() == []


def test_completed_replay_cannot_be_cancelled(events, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CancelReplay.html"""
    replay(archive())
    with pytest.raises(events.exceptions.IllegalStatusException):
        events.cancel_replay(ReplayName="again")


def test_list_replays_filters_by_prefix_and_state(events, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListReplays.html"""
    arn = archive()
    replay(arn, name="first")
    replay(arn, name="second")
    assert [known["ReplayName"] for known in events.list_replays(State="COMPLETED")["Replays"]] == ["first", "second"]
    assert [known["ReplayName"] for known in events.list_replays(NamePrefix="sec")["Replays"]] == ["second"]
    assert events.list_replays(State="RUNNING")["Replays"] == []


def test_start_replay_rejects_another_bus(events, archive):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ReplayDestination.html"""
    other = events.create_event_bus(Name="other")["EventBusArn"]
    with pytest.raises(ClientError, match="Cross event bus replay is not permitted"):
        events.start_replay(
            ReplayName="r",
            EventSourceArn=archive(),
            EventStartTime=NOON,
            EventEndTime=NOON + timedelta(minutes=1),
            Destination={"Arn": other},
        )


def test_replay_starts_another_execution(local, send, rule, archive, replay):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html"""
    from bus_kit import executions

    role = local.client("iam").create_role(RoleName="states", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}})
    made = local.client("stepfunctions").create_state_machine(name="machine", definition=definition, roleArn=role)
    arn = archive()
    rule(
        made["stateMachineArn"], pattern={"source": ["shop.orders"]}
    )  # other patterns match the execution's own events
    send(at(0, 1))
    replay(arn)
    assert len(executions(local, made["stateMachineArn"])) == 2
