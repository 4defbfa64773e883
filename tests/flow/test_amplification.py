"""What one event causes at most, and what it costs."""

import pytest
from handmade import assembly as assembly_of
from handmade import att, of

from millrace.cli import main
from millrace.events import Catalog, Event, Refusal
from millrace.flow.amplification import Assumed, CyclicFlowError, caused_by, roots
from millrace.flow.checking import read_system
from millrace.flow.prices import PRICES, READ, dollars


class Rung(Event, source="test.bell", external=True):
    pass


class Opened(Event, source="test.door", terminal="it is open"):
    pass


class Refused(Refusal, source="test.door", terminal="it stays shut"):
    pass


@pytest.fixture
def caused(tmp_path):
    """What one Rung causes in a stack, besides the rule that leads it to `To`."""

    def cause(assumed=None, **stack):
        rule = of("Events::Rule", EventPattern={"source": ["test.bell"]}, Targets=[{"Id": "T", "Arn": att("To")}])
        assembly_of(tmp_path, S={"Rule": rule, **stack})
        return caused_by(read_system(tmp_path, [Rung, Opened, Refused], tmp_path), "test.bell:Rung", assumed)

    return cause


def function(*publishes):
    made = of("Lambda::Function", MemorySize=512, Architectures=["arm64"])
    facts = {"function": "open", "declaration": {"consumes": [], "publishes": list(publishes)}}
    return {**made, "Metadata": {"millrace": facts}}


def test_a_flow_is_followed_from_event_to_event(caused):
    amounts = caused(To=function("test.door:Opened"))
    assert (amounts["events"], amounts["deliveries"], amounts["invocations"]) == (2, 1, 1)
    assert amounts["arm64 time"] == pytest.approx(0.5 * 0.1)


def test_a_queue_sends_receives_and_deletes_each_message(caused):
    mapping = of("Lambda::EventSourceMapping", FunctionName={"Ref": "Open"}, EventSourceArn=att("To"))
    amounts = caused(To=of("SQS::Queue"), Open=function(), Mapping=mapping)
    assert (amounts["queue requests"], amounts["invocations"]) == (3, 1)


TASK = {"Type": "Task", "Resource": {"Fn::GetAtt": ["Open", "Arn"]}}
DOOR = {
    "StartAt": "knock",
    "States": {
        "knock": {**TASK, "Next": "refused?"},
        "refused?": {"Type": "Choice", "Choices": [{"Variable": "$.refused", "Next": "sorry"}], "Default": "open"},
        "sorry": {"Type": "Succeed"},
        "open": {**TASK, "Next": "in"},
        "in": {"Type": "Succeed"},
    },
}


def test_of_the_ways_through_a_machine_the_dearest_counts(caused):
    machine = of("StepFunctions::StateMachine", Definition=DOOR)
    amounts = caused(To=machine, Open=function("test.door:Opened", "test.door:Refused"))
    assert amounts["transitions"] == len(["knock", "refused?", "open", "in"]) + 1
    assert (amounts["invocations"], amounts["events"]) == (2, 3)


ASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "hear"}
WAITING = {
    "StartAt": "ask",
    "States": {
        "ask": ASK | {"Parameters": {"FunctionName": att("Open")}},
        "hear": TASK | {"End": True},
    },
}


def test_a_step_that_waits_says_what_it_asks_with_and_then_its_answer(caused):
    asking = function("test.door:Opened", "test.door:Refused")
    asking["Metadata"]["millrace"]["awaits"] = ["test.door:Refused"]
    amounts = caused(To=of("StepFunctions::StateMachine", Definition=WAITING), Open=asking)
    assert (amounts["invocations"], amounts["events"], amounts["transitions"]) == (2, 2, 3), "a refusal is another way"


def test_each_64_kb_count_as_another(caused):
    assert caused(Assumed(event_bytes=65_537), To=function())["events"] == 2


@pytest.fixture(scope="session")
def system(assembly, pytestconfig):
    return read_system(assembly, Catalog.load("functions.contracts"), pytestconfig.rootpath)


def test_flows_begin_with_what_comes_from_outside(system):
    names = [node.name for node in roots(system)]
    assert {"PlaceOrder", "StockDelivered"} <= set(names)
    assert not {"OrderCompleted", "ShipmentArranged"} & set(names)


def test_a_flow_without_an_end_is_refused(system, monkeypatch):
    facts = system.graph["Shop/Loyalty/IssueGift"].resource.facts
    monkeypatch.setitem(facts["declaration"], "publishes", ["shop.loyalty:TierUpgraded"])
    with pytest.raises(CyclicFlowError, match="The events go round: TierUpgraded → TierUpgraded"):
        caused_by(system, "shop.fulfilment:OrderCompleted")


def test_every_price_names_its_unit_and_the_page_of_aws_and_all_are_dated():
    assert all(price.dollars > 0 and price.unit for price in PRICES.values())
    assert all(price.page.startswith("https://aws.amazon.com/") for price in PRICES.values())
    assert READ.startswith("20")


def test_what_has_no_price_is_free():
    assert dollars({"deliveries": 7, "events": 1_000_000}) == pytest.approx(1)


def test_the_command_tells_amounts_and_dollars(assembly, capsys, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "StockDelivered"]) == 0
    told = capsys.readouterr().out
    assert "One StockDelivered causes at most" in told
    assert "Not counted: retries" in told


def test_an_event_that_there_is_not_is_wrong_use(capsys):
    assert main(["cost", "StockLost"]) == 2
    assert "No event is called StockLost" in capsys.readouterr().err
