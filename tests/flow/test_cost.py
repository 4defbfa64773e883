"""The estimate of what one event causes and costs."""

import pytest
from handmade import assembly as assembly_of
from handmade import att, of

from millrace.cli import main
from millrace.events import Catalog, Event, Refusal
from millrace.flow.checking import read_system
from millrace.flow.cost import PRICES, PRICES_AS_OF, Assumptions, CyclicFlowError, caused_by, dollars, roots


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
