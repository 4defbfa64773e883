"""The estimate of what one event causes and costs, and of what the stacks cost without an event."""

import json

import pytest
from handmade import assembly as assembly_of
from handmade import att, of

from millrace.cli import main
from millrace.cli.cost import _amount
from millrace.events import Catalog, Event, Refusal
from millrace.flow.checking import read_system
from millrace.flow.cost import PRICES, PRICES_AS_OF, Assumptions, CyclicFlowError, caused_by, dollars, roots
from millrace.flow.idle import idle


class Rung(Event, source="test.bell", external=True):
    pass


class Opened(Event, source="test.gate", terminal="it is open"):
    pass


class Refused(Refusal, source="test.gate", terminal="it stays shut"):
    pass


@pytest.fixture
def caused(tmp_path):
    """The amounts that one Rung causes in a stack with a rule from Rung to `To`."""

    def cause(assumed=None, **stack):
        rule = of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=[{"Id": "T", "Arn": att("To")}])
        assembly_of(tmp_path, S={"Rule": rule, **stack})
        return caused_by(read_system(tmp_path, [Rung, Opened, Refused], tmp_path), "test.bell:Rung", assumed)

    return cause


def function(*publishes):
    made = of("Lambda::Function", MemorySize=512, Architectures=["arm64"])
    facts = {"function": "open", "declaration": {"consumes": [], "publishes": list(publishes)}}
    return {**made, "Metadata": {"millrace": facts}}


def test_cost_includes_events_of_consumers(caused):
    amounts = caused(To=function("test.gate:Opened"))
    assert (amounts["events"], amounts["deliveries"], amounts["invocations"]) == (2, 1, 1)
    assert amounts["arm64 time"] == pytest.approx(0.5 * 0.1)


def test_queue_message_costs_three_requests(caused):
    mapping = of("Lambda::EventSourceMapping", FunctionName={"Ref": "Open"}, EventSourceArn=att("To"))
    amounts = caused(To=of("SQS::Queue"), Open=function(), Mapping=mapping)
    assert (amounts["queue requests"], amounts["invocations"]) == (3, 1)


TASK = {"Type": "Task", "Resource": {"Fn::GetAtt": ["Open", "Arn"]}}
MACHINE = {
    "StartAt": "charge",
    "States": {
        "charge": {**TASK, "Next": "refused?"},
        "refused?": {"Type": "Choice", "Choices": [{"Variable": "$.refused", "Next": "reject"}], "Default": "open"},
        "reject": {"Type": "Succeed"},
        "open": {**TASK, "Next": "done"},
        "done": {"Type": "Succeed"},
    },
}


def test_most_expensive_path_through_a_machine_counts(caused):
    machine = of("StepFunctions::StateMachine", Definition=MACHINE)
    amounts = caused(To=machine, Open=function("test.gate:Opened", "test.gate:Refused"))
    assert amounts["transitions"] == len(["charge", "refused?", "open", "done"]) + 1
    assert (amounts["invocations"], amounts["events"]) == (2, 3)


@pytest.mark.parametrize(("kind", "counted"), [("STANDARD", 1), ("EXPRESS", 0)])
def test_start_of_a_standard_workflow_is_counted(caused, kind, counted):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    machine = of("StepFunctions::StateMachine", Definition=MACHINE, StateMachineType=kind)
    assert caused(To=machine, Open=function()).get("executions", 0) == counted


REQUEST = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "resume"}
WAITING = {
    "StartAt": "request",
    "States": {
        "request": REQUEST | {"Parameters": {"FunctionName": att("Open")}},
        "resume": TASK | {"End": True},
    },
}


def test_step_with_a_callback_publishes_its_request_and_its_answer(caused):
    requesting = function("test.gate:Opened", "test.gate:Refused")
    requesting["Metadata"]["millrace"]["awaits"] = ["test.gate:Refused"]
    amounts = caused(To=of("StepFunctions::StateMachine", Definition=WAITING), Open=requesting)
    assert (amounts["invocations"], amounts["events"], amounts["transitions"]) == (2, 2, 3), "a refusal is another path"


def test_answer_of_a_callback_is_an_invocation_of_the_function_that_accepts_it(caused):
    requesting = function("test.gate:Opened", "test.gate:Refused")
    requesting["Metadata"]["millrace"]["awaits"] = ["test.gate:Refused"]
    allowed = {"Effect": "Allow", "Action": "states:SendTaskSuccess", "Resource": {"Ref": "To"}}
    role = of("IAM::Role", Policies=[{"PolicyName": "Answer", "PolicyDocument": {"Statement": [allowed]}}])
    answering = of("Lambda::Function", MemorySize=512, Architectures=["arm64"], Role=att("Answering"))
    machine = of("StepFunctions::StateMachine", Definition=WAITING)
    assert caused(To=machine, Open=requesting, Answer=answering, Answering=role)["invocations"] == 3


def test_each_64_kb_count_as_one_event(caused):
    assert caused(Assumptions(event_bytes=65_537), To=function())["events"] == 2


@pytest.fixture(scope="session")
def system(assembly, pytestconfig):
    return read_system(assembly, Catalog.load("functions.contracts"), pytestconfig.rootpath)


def test_external_events_start_flows(system):
    names = [node.name for node in roots(system)]
    assert {"PlaceOrder", "StockDelivered"} <= set(names)
    assert not {"OrderCompleted", "ShipmentArranged"} & set(names)


def test_cyclic_flow_raises(system, monkeypatch):
    facts = system.graph["Shop/Loyalty/IssueGift"].resource.facts
    monkeypatch.setitem(facts["declaration"], "publishes", ["shop.loyalty:TierUpgraded"])
    with pytest.raises(CyclicFlowError, match="The events form a cycle: TierUpgraded → TierUpgraded"):
        caused_by(system, "shop.fulfilment:OrderCompleted")


def test_every_price_has_a_unit_and_a_page_of_aws():
    assert all(price.dollars > 0 and price.unit for price in PRICES.values())
    assert all(price.page.startswith("https://aws.amazon.com/") for price in PRICES.values())
    assert PRICES_AS_OF.startswith("20")


def test_unit_without_a_price_is_free():
    assert dollars({"deliveries": 7, "events": 1_000_000}) == pytest.approx(1)


def test_command_prints_amounts_and_prices(assembly, capsys, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "StockDelivered"]) == 0
    printed = capsys.readouterr().out
    assert "One StockDelivered causes at most" in printed
    assert "Not counted: retries" in printed


def test_unknown_event_exits_with_two(capsys):
    assert main(["cost", "StockLost"]) == 2
    assert "No event is called StockLost" in capsys.readouterr().err


PARALLEL = {
    "StartAt": "both",
    "States": {
        "both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": name, "States": {name: TASK | {"End": True}}} for name in ("left", "right")],
            "Next": "last",
        },
        "last": TASK | {"End": True},
    },
}


def test_all_branches_and_what_follows_them_count(caused):
    amounts = caused(To=of("StepFunctions::StateMachine", Definition=PARALLEL), Open=function())
    assert (amounts["invocations"], amounts["transitions"]) == (3, len(["both", "left", "right", "last"]) + 1)


def test_path_after_a_caught_error_counts(caused):
    caught = TASK | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "undo"}], "End": True}
    machine = {"StartAt": "charge", "States": {"charge": caught, "undo": TASK | {"End": True}}}
    assert caused(To=of("StepFunctions::StateMachine", Definition=machine), Open=function())["invocations"] == 2


def test_prices_have_plain_units(assembly, capsys, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    main(["cost", "StockDelivered"])
    printed = capsys.readouterr().out
    assert "1.00 $ per million events of up to 64 KB" in printed
    assert "0.50 $ per GB logged" in printed


@pytest.mark.parametrize(
    ("amount", "text"), [(2.048e-06, "0.000002048"), (12345.6, "12,350"), (0.025, "0.025"), (3, "3")]
)
def test_amounts_have_no_exponent(amount, text):
    assert _amount(amount) == text


@pytest.fixture
def idling(tmp_path):
    """The amounts of a month of a stack without events."""
    return lambda **resources: idle(assembly_of(tmp_path, S=resources))


def stat(**properties):
    return {"Id": "m", "MetricStat": {"Period": 300, **properties}}


def test_each_metric_of_an_alarm_is_billed(idling):
    """https://aws.amazon.com/cloudwatch/pricing/"""
    plain, fast = of("CloudWatch::Alarm", Period=60), of("CloudWatch::Alarm", Period=10)
    share = of("CloudWatch::Alarm", Metrics=[{"Id": "e", "Expression": "a/b"}, stat(), stat()])
    assert idling(Plain=plain, Fast=fast, Share=share) == {"alarm metrics": 3, "fast alarm metrics": 1}


def test_key_dashboard_and_secret_are_billed_by_the_month(idling):
    """https://aws.amazon.com/kms/pricing/"""
    amounts = idling(
        K=of("KMS::Key"), D=of("CloudWatch::Dashboard"), S=of("SecretsManager::Secret"), Q=of("SQS::Queue")
    )
    assert amounts == {"keys": 1, "dashboards": 1, "secrets": 1}
    assert dollars(amounts) == pytest.approx(4.40)


def test_streams_are_billed_by_the_hour(idling):
    """https://aws.amazon.com/kinesis/data-streams/pricing/"""
    on_demand = of("Kinesis::Stream", StreamModeDetails={"StreamMode": "ON_DEMAND"}, RetentionPeriodHours=168)
    provisioned = of("Kinesis::Stream", ShardCount=2, RetentionPeriodHours=168)
    fan_out = of("Kinesis::StreamConsumer", StreamARN=att("Provisioned"))
    amounts = idling(OnDemand=on_demand, Provisioned=provisioned, FanOut=fan_out)
    hours = {"stream hours": 720, "shard hours": 1440, "retention hours": 1440, "consumer hours": 1440}
    assert amounts == hours


def test_polls_of_an_empty_queue_are_billed(idling):
    """https://repost.aws/knowledge-center/sqs-high-charges"""
    mapping = of("Lambda::EventSourceMapping", EventSourceArn=att("Queue"))
    imported = of("Lambda::EventSourceMapping", EventSourceArn="arn:aws:sqs:us-east-1:123456789012:other")
    stopped = of("Lambda::EventSourceMapping", EventSourceArn=att("Queue"), Enabled=False)
    streamed = of("Lambda::EventSourceMapping", EventSourceArn=att("Table", "StreamArn"))
    table = of("DynamoDB::Table", BillingMode="PAY_PER_REQUEST")
    amounts = idling(Queue=of("SQS::Queue"), Table=table, A=mapping, B=imported, C=stopped, D=streamed)
    assert amounts == {"queue requests": 2 * 5 * 3 * 60 * 720}


def test_provisioned_concurrency_is_billed(idling):
    """https://aws.amazon.com/lambda/pricing/"""
    config = {"ProvisionedConcurrentExecutions": 4}
    alias = of("Lambda::Alias", FunctionName={"Ref": "Open"}, ProvisionedConcurrencyConfig=config)
    plain = of("Lambda::Version", FunctionName={"Ref": "Open"})
    assert idling(Open=function(), Live=alias, Version=plain) == {"arm64 provisioned": 4 * 0.5 * 720 * 3600}


def test_provisioned_capacity_of_a_table_and_its_indexes_is_billed(idling):
    """https://aws.amazon.com/dynamodb/pricing/provisioned/"""
    capacity = {"ReadCapacityUnits": 5, "WriteCapacityUnits": {"Ref": "Writes"}}
    index = {"IndexName": "I", "ProvisionedThroughput": capacity}
    amounts = idling(Table=of("DynamoDB::Table", ProvisionedThroughput=capacity, GlobalSecondaryIndexes=[index]))
    assert amounts == {"read unit hours": 10 * 720, "write unit hours": 2 * 720}


def test_command_prints_the_cost_of_the_idle_stacks(assembly, capsys, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    main(["cost"])
    printed = capsys.readouterr().out
    main(["cost", "--json"])
    month = json.loads(capsys.readouterr().out)["idle"]
    assert "Without an event, the stacks cost in a month:" in printed
    assert f"{month['dollars_a_month']:,.2f} $" in printed
    assert month["amounts"]["dashboards"] == 1
