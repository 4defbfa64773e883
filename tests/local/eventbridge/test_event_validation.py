"""EventBridge rejects invalid requests, and pages its lists."""

import json

import pytest
from bus_kit import ACCOUNT, entry

pytest_plugins = ["bus_fixtures"]

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
TRACE = "Root=1-63441c4a-abcdef012345678912345678;Parent=0123456789abcdef;Sampled=1"


def error(events, action, **given):
    with pytest.raises(events.exceptions.ClientError) as raised:
        action(**given)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_rule_and_target_names_follow_their_patterns(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
    pattern = json.dumps({"source": ["a"]})
    assert (
        "at 'name' failed to satisfy constraint" in error(events, events.put_rule, Name="a b", EventPattern=pattern)[1]
    )
    events.put_rule(Name="r", EventPattern=pattern)
    found = error(events, events.put_targets, Rule="r", Targets=[{"Id": "a b", "Arn": QUEUE}])
    assert "at 'targets.1.member.id' failed to satisfy constraint" in found[1]


def test_missing_rule_is_named_with_its_bus(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html"""
    found = error(events, events.describe_rule, Name="r")
    assert found == ("ResourceNotFoundException", "Rule r does not exist on EventBus default.")


def test_bus_with_rules_is_not_deleted(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html"""
    events.create_event_bus(Name="mine")
    events.put_rule(Name="r", EventBusName="mine", EventPattern=json.dumps({"source": ["a"]}))
    assert error(events, events.delete_event_bus, Name="mine")[0] == "ValidationException"
    events.delete_rule(Name="r", EventBusName="mine")
    events.delete_event_bus(Name="mine")


def test_archives_are_listed_by_page(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListArchives.html"""
    bus = events.describe_event_bus()["Arn"]
    for name in "abc":
        events.create_archive(ArchiveName=name, EventSourceArn=bus)
    first = events.list_archives(Limit=2)
    second = events.list_archives(Limit=2, NextToken=first["NextToken"])
    assert [each["ArchiveName"] for page in (first, second) for each in page["Archives"]] == ["a", "b", "c"]
    assert "NextToken" not in second


def test_secret_of_a_connection_follows_its_update(local, events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateConnection.html"""

    def given(value):
        parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": value}}
        return {"Name": "c", "AuthorizationType": "API_KEY", "AuthParameters": parameters}

    events.create_connection(**given("old"))
    assert error(events, events.create_connection, **given("old"))[0] == "ResourceAlreadyExistsException"
    events.update_connection(**given("new"))
    secret = local.client("secretsmanager").get_secret_value(SecretId=events.describe_connection(Name="c")["SecretArn"])
    assert json.loads(secret["SecretString"]) == {"api_key_name": "k", "api_key_value": "new"}


def test_trace_header_reaches_queue_and_function(queue, function, rule, send, local):
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-services-eventbridge.html"""
    observer = queue()
    rule(observer.arn, name="to-queue")
    code = "import os\ndef handler(event, context): print('TRACE', os.environ['_X_AMZN_TRACE_ID'])"
    rule(function(code), name="to-function")
    send({**entry({}), "TraceHeader": TRACE})
    assert observer.messages()[0]["Attributes"]["AWSTraceHeader"] == TRACE
    lines = local.client("logs").filter_log_events(logGroupName="/aws/lambda/observer")["events"]
    assert [line["message"] for line in lines if line["message"].startswith(f"TRACE {TRACE};Lineage=")]


def test_targets_are_listed_by_page(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html"""
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["a"]}))
    events.put_targets(Rule="r", Targets=[{"Id": each, "Arn": QUEUE} for each in "abc"])
    first = events.list_targets_by_rule(Rule="r", Limit=2)
    second = events.list_targets_by_rule(Rule="r", Limit=2, NextToken=first["NextToken"])
    assert [[each["Id"] for each in found["Targets"]] for found in (first, second)] == [["a", "b"], ["c"]]
    found = error(events, events.list_targets_by_rule, Rule="s")
    assert found == ("ResourceNotFoundException", "Rule s does not exist on EventBus default.")


def test_buses_are_listed_with_their_times(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListEventBuses.html"""
    for name in ("my-b", "my-a", "other"):
        events.create_event_bus(Name=name)
    first = events.list_event_buses(NamePrefix="my-", Limit=1)
    second = events.list_event_buses(NamePrefix="my-", Limit=1, NextToken=first["NextToken"])
    assert [found["EventBuses"][0]["Name"] for found in (first, second)] == ["my-a", "my-b"]
    assert first["EventBuses"][0].keys() == {"Name", "Arn", "CreationTime", "LastModifiedTime"}


def test_permission_that_a_bus_does_not_have_is_not_found(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemovePermission.html"""
    found = error(events, events.remove_permission, StatementId="a")
    assert found == ("ResourceNotFoundException", "Statement with the provided id does not exist.")
