"""Other accounts and regions: what a rule reaches there, who has to let it in, and what an event says of its origin."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest
from bus_kit import ACCOUNT, attributes, policy

from millrace.local.services.iam import Iam

pytest_plugins = ["bus_fixtures", "bare_moto"]

OTHER, REGION, FAR = "111122223333", "us-east-1", "eu-west-1"


SAYS_WHERE = "import os\ndef handler(event, context): assert os.environ['AWS_REGION'] == 'us-east-1'\n"


def packed(source):
    """An archive of a function."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


def letting_in(principal, action, resource="*", **condition):
    """A policy that lets an account or a role in."""
    allowed = {
        "Sid": "others",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": action,
        "Resource": resource,
    }
    more = {"Condition": condition} if condition else {}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, **more}]})


def taken(sqs, url):
    """The events in a queue."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def queue_of(local):
    """Make a queue of an account, with a policy; gives its ARN, and a function that takes its events."""

    def queue_of(account=OTHER, region=REGION, name="theirs", **policy):
        sqs = local.client("sqs", account=account, region=region)
        url = sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"]
        return SimpleNamespace(arn=f"arn:aws:sqs:{region}:{account}:{name}", events=lambda: taken(sqs, url))

    return queue_of


@pytest.fixture
def bus_of(local):
    """Make a bus of an account that lets one in, with a queue behind it; gives its ARN, and the events that come."""

    def bus_of(account=OTHER, region=REGION, name="theirs", *, lets=ACCOUNT, pattern=None, **condition):
        events = local.client("events", account=account, region=region)
        sqs = local.client("sqs", account=account, region=region)
        arn = events.create_event_bus(Name=name)["EventBusArn"]
        if lets:
            document = letting_in(f"arn:aws:iam::{lets}:root", "events:PutEvents", arn, **condition)
            events.put_permission(EventBusName=name, Policy=document)
        sent = {"QueueName": f"behind-{name}", "Attributes": {"Policy": policy("sqs:SendMessage")}}
        url = sqs.create_queue(**sent)["QueueUrl"]
        events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps(pattern or {"source": [{"prefix": ""}]}))
        behind = f"arn:aws:sqs:{region}:{account}:behind-{name}"
        events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": behind}])
        return SimpleNamespace(arn=arn, events=lambda: taken(sqs, url))

    return bus_of


@pytest.fixture
def dead(queue):
    """The dead-letter queue of a rule, and what its letters tell."""
    made = queue("dead")
    made.codes = lambda: [attributes(letter)["ERROR_CODE"] for letter in made.messages()]
    return made


@pytest.fixture
def onward(rule, dead):
    """Make the rule of this account that sends everything somewhere."""
    return lambda arn, **target: rule(arn, DeadLetterConfig={"Arn": dead.arn}, **target)


def test_a_stack_that_moves_to_another_account_stands_there_alone(local, write):
    stack = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "ledger"}}}

    def urls(**where):
        return local.client("sqs", **where).list_queues().get("QueueUrls", [])

    local.deploy(write(Ledger=stack))
    local.deploy(write(environments={"Ledger": f"aws://{OTHER}/{FAR}"}, Ledger=stack))
    assert (urls(), len(urls(account=OTHER, region=FAR))) == ([], 1)
    local.deploy(write(Ledger=stack))
    assert (len(urls()), urls(account=OTHER, region=FAR)) == (1, [])


# -- a queue of another account --------------------------------------------------------------------------------------


def test_a_queue_of_another_account_that_lets_the_role_of_the_rule_in_is_reached(send, queue_of, onward, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = queue_of(Policy=letting_in(role_of_rules, "sqs:SendMessage"))
    onward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    (event,) = theirs.events()
    assert (event["detail"], event["account"]) == ({"n": 1}, ACCOUNT)


@pytest.mark.parametrize("whom", [None, "arn:aws:iam::123456789012:role/another", "arn:aws:iam::444455556666:root"])
def test_a_queue_of_another_account_that_lets_the_role_not_in_gets_nothing(
    send, queue_of, onward, dead, role_of_rules, whom
):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    theirs = queue_of(**({"Policy": letting_in(whom, "sqs:SendMessage")} if whom else {}))
    onward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_a_role_that_may_not_send_reaches_no_queue_of_another_account(local, send, queue_of, onward, dead):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    made = local.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument=policy("sts:AssumeRole"))
    role = made["Role"]["Arn"]
    theirs = queue_of(Policy=letting_in(role, "sqs:SendMessage"))
    onward(theirs.arn, RoleArn=role)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


@pytest.mark.parametrize("lets_in", [True, False])
def test_an_encrypted_queue_of_another_account_is_reached_where_its_key_lets_the_role_in(
    local, send, queue_of, onward, dead, role_of_rules, lets_in
):
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html"""
    whom = role_of_rules if lets_in else f"arn:aws:iam::{OTHER}:root"
    key = local.client("kms", account=OTHER).create_key(Policy=letting_in(whom, "kms:*"))["KeyMetadata"]["Arn"]
    theirs = queue_of(Policy=letting_in(role_of_rules, "sqs:SendMessage"), KmsMasterKeyId=key)
    onward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (len(theirs.events()), dead.codes()) == ((1, []) if lets_in else (0, ["NO_PERMISSIONS"]))


def test_a_rule_reaches_a_queue_of_another_account_just_in_the_name_of_a_role(send, queue_of, onward, dead):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = queue_of(Policy=policy("sqs:SendMessage"))
    onward(theirs.arn)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_a_queue_of_the_same_name_in_this_account_is_not_theirs(send, queue, queue_of, onward, dead, role_of_rules):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    own, arn = queue("theirs"), queue_of(name="another").arn.replace("another", "theirs")
    onward(arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (own.events(), dead.codes()) == ([], ["NO_RESOURCE"])


def test_a_target_in_another_region_is_refused_unless_it_is_a_bus(local, queue_of, onward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html

    Differs: the words of the refusal are the local cloud's own.
    """
    with pytest.raises(local.client("events").exceptions.ClientError, match="just an event bus may be a target in an"):
        onward(queue_of(region=FAR).arn)


def test_an_account_in_which_nothing_is_is_named_in_the_letter(send, onward, dead, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html

    Refused: the local cloud knows no account to which nothing was deployed, and for which no call was signed.
    """
    onward("arn:aws:sqs:us-east-1:444455556666:ledger", RoleArn=role_of_rules)
    send({"n": 1})
    told = attributes(dead.messages()[0])
    assert told["ERROR_CODE"] == "NOT_DELIVERED_LOCALLY"
    assert "Nothing is deployed to account 444455556666 in us-east-1" in told["ERROR_MESSAGE"]


# -- a bus of another account or region ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "region"), [(OTHER, REGION), (ACCOUNT, FAR), (OTHER, FAR)], ids=["account", "region", "both"]
)
def test_an_event_on_a_bus_elsewhere_says_where_it_came_from(send, bus_of, onward, account, region):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    theirs = bus_of(account, region)
    onward(theirs.arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    (event,) = theirs.events()
    assert (event["id"], event["account"], event["region"]) == (event_id, ACCOUNT, REGION)


def test_the_rules_of_their_bus_choose_by_the_account_of_the_sender(send, bus_of, onward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html#eb-receiving-events-from-another-account"""
    theirs = bus_of(pattern={"account": [ACCOUNT], "detail": {"n": [2]}})
    onward(theirs.arn)
    send({"n": 1}, {"n": 2})
    assert [event["detail"] for event in theirs.events()] == [{"n": 2}]


@pytest.mark.parametrize(
    ("let_in", "condition"),
    [
        (None, {}),
        ("444455556666", {}),
        (ACCOUNT, {"StringEquals": {"events:source": "shop.web"}}),
        (ACCOUNT, {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:*:*"}}),
    ],
    ids=["nobody", "another", "for another source", "from another region"],
)
def test_a_bus_of_another_account_takes_just_what_its_policy_lets_in(send, bus_of, onward, dead, let_in, condition):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html"""
    theirs = bus_of(lets=let_in, **condition)
    onward(theirs.arn)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_a_bus_of_another_account_takes_what_its_policy_asks_for(send, bus_of, onward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html"""
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/rule"
    asked = {"StringEquals": {"events:source": "shop.orders"}, "ArnEquals": {"aws:SourceArn": rule}}
    theirs = bus_of(**asked)
    onward(theirs.arn)
    send({"n": 1})
    assert len(theirs.events()) == 1


def test_an_event_goes_not_on_to_a_third_account(local, send, bus_of, onward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html"""
    theirs, third = bus_of(), bus_of("444455556666", name="third", lets=OTHER)
    events = local.client("events", account=OTHER)
    events.put_targets(Rule="all", EventBusName="theirs", Targets=[{"Id": "2", "Arn": third.arn}])
    onward(theirs.arn)
    event_id = send({"n": 1})["Entries"][0]["EventId"]
    assert (len(theirs.events()), third.events()) == (1, [])
    assert any("THIRD_ACCOUNT_HOP_DETECTED" in error for error in local.trace(event_id).errors())


def test_two_buses_that_send_to_each_other_make_no_loop(local, send, bus_of, onward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html"""
    theirs, ours = bus_of(), bus_of(ACCOUNT, name="ours", lets=OTHER)
    events = local.client("events", account=OTHER)
    events.put_targets(Rule="all", EventBusName="theirs", Targets=[{"Id": "2", "Arn": ours.arn}])
    onward(theirs.arn)
    send({"n": 1})
    assert (len(theirs.events()), ours.events()) == (1, [])


def test_an_event_can_be_put_onto_a_bus_elsewhere_by_its_arn(local, send, bus_of):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html"""
    theirs = bus_of()
    send({"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": theirs.arn})
    (event,) = theirs.events()
    assert event["account"] == ACCOUNT


def test_an_event_for_a_bus_in_an_account_in_which_nothing_is_is_refused(local, send):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html

    Refused: as for the targets of rules.
    """
    bus = "arn:aws:events:us-east-1:444455556666:event-bus/theirs"
    refused = local.client("events").exceptions.ClientError
    with pytest.raises(refused, match="Nothing is deployed to account 444455556666"):
        send({"Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": bus})


# -- other ways into another account ---------------------------------------------------------------------------------


@pytest.fixture
def topic_of(local):
    """Make a topic of an account, with a queue behind it; gives its ARN, and what came."""

    def topic_of(role):
        sns, sqs = local.client("sns", account=OTHER), local.client("sqs", account=OTHER)
        arn = sns.create_topic(Name="told", Attributes={"Policy": letting_in(role, "sns:Publish")})["TopicArn"]
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        behind = f"arn:aws:sqs:{REGION}:{OTHER}:heard"
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=behind, Attributes={"RawMessageDelivery": "true"})
        return SimpleNamespace(arn=arn, events=lambda: taken(sqs, url))

    return topic_of


def test_a_topic_of_another_account_that_lets_the_role_in_is_reached(send, topic_of, onward, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = topic_of(role_of_rules)
    onward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert [event["detail"] for event in theirs.events()] == [{"n": 1}]


@pytest.mark.parametrize("lets_in", [True, False])
def test_a_stream_of_another_account_is_reached_where_its_policy_lets_the_role_in(
    local, send, onward, dead, role_of_rules, lets_in
):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    kinesis, arn = local.client("kinesis", account=OTHER), f"arn:aws:kinesis:{REGION}:{OTHER}:stream/theirs"
    kinesis.create_stream(StreamName="theirs", ShardCount=1)
    if lets_in:
        kinesis.put_resource_policy(ResourceARN=arn, Policy=letting_in(role_of_rules, "kinesis:PutRecord"))
    onward(arn)
    send({"n": 1})
    first = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    shard = kinesis.get_shard_iterator(StreamName="theirs", **first)["ShardIterator"]
    records = kinesis.get_records(ShardIterator=shard)["Records"]
    assert (len(records), dead.codes()) == ((1, []) if lets_in else (0, ["NO_PERMISSIONS"]))


def test_a_function_of_another_account_is_reached_where_its_policy_lets_the_role_in(
    local, send, onward, dead, role_of_rules
):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    lambda_ = local.client("lambda", account=OTHER)
    made = {"Runtime": "python3.13", "Handler": "app.handler", "Code": {"ZipFile": packed(SAYS_WHERE)}}
    role = local.client("iam", account=OTHER).create_role(RoleName="own", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arn = lambda_.create_function(FunctionName="theirs", Role=role, **made)["FunctionArn"]
    onward(arn, RoleArn=role_of_rules)
    send({"n": 1})
    letters = dead.codes()
    given = {"StatementId": "rules", "Action": "lambda:InvokeFunction", "Principal": role_of_rules}
    lambda_.add_permission(FunctionName="theirs", **given)
    event_id = send({"n": 2})["Entries"][0]["EventId"]
    assert letters == ["NO_PERMISSIONS"]
    assert local.trace(event_id).work("theirs").attempts[0].outcome == "ok"


def test_a_call_of_a_function_into_another_account_is_refused_by_name(local, role_of_rules):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html

    Refused: all but PutEvents, which goes to the bus of an ARN.
    """
    sent = {"QueueUrl": f"http://127.0.0.1/{OTHER}/theirs", "MessageBody": "hello"}
    access = local.region.service(Iam).access
    told = local.on_loop(lambda: access.refusal(role_of_rules, "s", "sqs", "SendMessage", sent))
    assert (
        "of another account: the local cloud lets a call reach into another account by PutEvents and S3 alone" in told
    )


def test_a_rule_on_a_bus_of_another_account_is_refused_by_name(local, bus_of):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html

    Refused: a rule stands on a bus of its own account and region.
    """
    theirs, events = bus_of(), local.client("events")
    with pytest.raises(events.exceptions.ClientError, match="makes rules on buses of their own account and region al"):
        events.put_rule(Name="mine", EventBusName=theirs.arn, EventPattern=json.dumps({"source": ["a"]}))
