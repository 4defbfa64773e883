import json

import pytest
from machines_kit import chain

pytest_plugins = ("machines_fixtures",)
FAILING = chain(First={"Type": "Pass"}, Last={"Type": "Fail", "Error": "Broken", "Cause": "old"})


@pytest.fixture
def logged(kit):
    """Run a definition with a log level; return the log records."""

    def run(definition, level, **more):
        group = f"/aws/vendedlogs/states/{kit.name()}"
        logs = kit.client("logs")
        logs.create_log_group(logGroupName=group)
        arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
        config = {"level": level, "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}], **more}
        kit.run(kit.machine(definition, loggingConfiguration=config), {"n": 1})
        events = logs.filter_log_events(logGroupName=group)["events"]
        assert all(event["logStreamName"].startswith("states/") for event in events)
        return [json.loads(event["message"]) for event in events]

    return run


@pytest.mark.parametrize(
    ("level", "types"),
    [
        ("ALL", ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", ["ExecutionFailed"]),
        ("OFF", []),
    ],
)
def test_log_has_the_events_of_its_level(logged, level, types):
    """https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html"""
    assert [record["type"] for record in logged(FAILING, level)] == types


def test_log_record_is_an_event_of_the_history(logged):
    """https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"""
    started, *_, failed = logged(FAILING, "ALL", includeExecutionData=True)
    assert (started["id"], started["previous_event_id"], started["details"]["input"]) == ("1", "0", '{"n": 1}')
    assert failed["details"] == {"error": "Broken", "cause": "old"}
    assert started["event_timestamp"].isdecimal()
    assert ":execution:" in started["execution_arn"]


def test_log_has_no_data_by_default(logged):
    """https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"""
    started, *_ = logged(FAILING, "ALL")
    assert "input" not in started["details"]


@pytest.fixture
def status_changes(kit):
    """A queue that receives status changes of executions; returns the events so far."""
    url, rule = kit.queue(), kit.name()
    arn = kit.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kit.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    kit.client("events").put_rule(Name=rule, EventPattern='{"source": ["aws.states"]}')
    kit.client("events").put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
    yield lambda: kit.messages(url)
    kit.client("events").remove_targets(Rule=rule, Ids=["1"])
    kit.client("events").delete_rule(Name=rule)


def test_default_bus_receives_status_changes_of_a_standard_execution(kit, status_changes):
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""
    execution = kit.run(chain(It={"Type": "Pass"}), {"n": 1})
    running, succeeded = status_changes()
    assert (running["detail-type"], running["resources"]) == (
        "Step Functions Execution Status Change",
        [execution["executionArn"]],
    )
    assert (running["detail"]["status"], running["detail"]["stopDate"]) == ("RUNNING", None)
    assert (succeeded["detail"]["status"], succeeded["detail"]["output"]) == ("SUCCEEDED", '{"n":1}')


def test_status_change_of_a_failure_has_its_error(kit, status_changes):
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""
    kit.run(FAILING)
    detail = status_changes()[-1]["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("FAILED", "Broken", "old")


def test_status_change_of_a_redrive_is_counted(kit, status_changes):
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""
    kit.states.redrive_execution(executionArn=kit.run(FAILING)["executionArn"])
    kit.cloud.settle()
    details = [event["detail"] for event in status_changes()]
    found = [(each["status"], each["redriveCount"], each["redriveStatus"]) for each in details]
    first = [("RUNNING", 0, "NOT_REDRIVABLE"), ("FAILED", 0, "REDRIVABLE")]
    assert found == [*first, ("RUNNING", 1, "NOT_REDRIVABLE"), ("FAILED", 1, "REDRIVABLE")]
    assert details[-1]["redriveDate"] > details[-1]["startDate"]


def test_express_execution_has_no_status_changes(kit, status_changes):
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""
    kit.start(kit.machine(chain(It={"Type": "Pass"}), type="EXPRESS"))
    kit.cloud.settle()
    assert status_changes() == []


def test_rule_starts_an_execution_with_its_event(kit):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    machine, bus = kit.machine(chain(It={"Type": "Pass"})), kit.name()
    events = kit.client("events")
    events.create_event_bus(Name=bus)
    events.put_rule(Name=bus, EventBusName=bus, EventPattern='{"source": ["x.y"]}')
    role = "arn:aws:iam::123456789012:role/machines"
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "1", "Arn": machine, "RoleArn": role}])
    events.put_events(Entries=[{"Source": "x.y", "DetailType": "It", "Detail": '{"n": 1}', "EventBusName": bus}])
    kit.cloud.settle()
    (execution,) = kit.states.list_executions(stateMachineArn=machine)["executions"]
    assert kit.describe(execution["executionArn"])["output"]["detail"] == {"n": 1}
