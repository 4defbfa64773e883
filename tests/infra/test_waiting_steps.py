"""What a step that waits becomes: two states, a table, a door, and who may do what."""

import json
import re

import pytest

from functions.contracts.carrier import ShipmentArranged
from millrace.constructs import Api, Bus, Mediator, UnsoundApi
from millrace.constructs.callbacks import TooLate
from millrace.runtime.tokens import places_of

ASK, HEAR = "arrange_shipping", "arrange_shipping: the answer"


@pytest.fixture
def states(template):
    return template.machine()["States"]


def allowed(template, function, service):
    """What a function may do with a service: each action, with its resource and its condition."""
    found = template.statements(template.function(function))
    pairs = [(s["Action"], s) for s in found if json.dumps(s["Action"]).startswith((f'"{service}:', f'["{service}:'))]
    return {action: s for actions, s in pairs for action in ([actions] if isinstance(actions, str) else actions)}


def test_a_step_that_waits_is_a_task_that_asks_and_one_that_hears_the_answer(states):
    assert states[ASK]["Resource"].endswith(":states:::lambda:invoke.waitForTaskToken")
    assert states[ASK]["Parameters"]["Payload"]["token.$"] == "$$.Task.Token"
    assert (states[ASK]["Next"], states[ASK]["TimeoutSeconds"]) == (HEAR, 2 * 86_400)


def test_a_step_whose_time_is_over_is_not_asked_again(states):
    first, *rest = states[ASK]["Retry"]
    assert first == {"ErrorEquals": ["States.Timeout", "AlreadyAnswered"], "MaxAttempts": 0}
    assert rest == states[HEAR]["Retry"]


def test_a_try_that_was_answered_goes_on_with_the_answer(states):
    first, last = states[ASK]["Catch"]
    assert (first["ErrorEquals"], first["Next"]) == (["AlreadyAnswered"], HEAR)
    assert (last["ErrorEquals"], last["Next"]) == (["States.ALL"], states[HEAR]["Catch"][0]["Next"])


def test_the_token_goes_to_the_step_that_asks_and_stands_nowhere_else_in_the_template(template):
    assert json.dumps(template.body).count("Task.Token") == 1


def test_only_the_door_ends_tasks_and_only_those_of_machines_that_wait(template):
    (machine,) = template.of("StepFunctions::StateMachine")
    may = {facts["function"]: allowed(template, facts["function"], "states") for facts in template.facts().values()}
    ending = {
        name: actions["states:SendTaskSuccess"]["Resource"]
        for name, actions in may.items()
        if "states:SendTaskSuccess" in actions
    }
    assert ending == {"api_answers": {"Ref": machine}}


def test_a_step_touches_its_own_callbacks_alone(template):
    may = allowed(template, ASK, "dynamodb")
    table = next(name for name in template.of("DynamoDB::Table") if "Callbacks" in name)
    own = [s for s in may.values() if s["Resource"] == {"Fn::GetAtt": [table, "Arn"]}]
    keys = [s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for s in own]
    assert keys == [[f"{places_of('Shop.Fulfilment.Fulfilment.ArrangeShipping')}-*"]]
    assert own[0]["Action"] == "dynamodb:UpdateItem"


def test_the_door_publishes_nothing_itself(template):
    assert allowed(template, "api_answers", "events") == {}
    assert sorted(allowed(template, "api_answers", "dynamodb")) == ["dynamodb:GetItem", "dynamodb:UpdateItem"]


def test_tokens_are_under_the_key_of_the_bus_and_end_by_themselves(keyed):
    (table,) = [properties for name, properties in keyed.of("DynamoDB::Table").items() if "Callbacks" in name]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert "Key" in json.dumps(table["SSESpecification"]["KMSMasterKeyId"])


def test_a_bus_on_which_nothing_waits_has_neither_table_nor_door(stack, bus, synthesised):
    Api(stack, "Api", bus=bus)
    template = synthesised()
    assert not [name for name in template.of("DynamoDB::Table") if "Callbacks" in name]
    assert [route["RouteKey"] for route in template.of("ApiGatewayV2::Route").values()] == ["GET /openapi.json"]


def test_an_api_can_do_without_the_door(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=[ASK])
    Api(stack, "Api", bus=bus, callbacks=False)
    assert [route["RouteKey"] for route in synthesised().of("ApiGatewayV2::Route").values()] == ["GET /openapi.json"]


def test_an_api_is_made_after_what_waits(stack, bus):
    Api(stack, "Api", bus=bus)
    with pytest.raises(TooLate, match="make the Api after whatever waits, or say callbacks=False"):
        Mediator(stack, "M", bus=bus, steps=[ASK])


def test_an_answer_that_does_not_come_from_outside_is_refused_at_the_door(stack, bus, monkeypatch):
    Mediator(stack, "M", bus=bus, steps=[ASK])
    inside = ShipmentArranged.contract.__class__(**{**vars(ShipmentArranged.contract), "external": False})
    monkeypatch.setattr(ShipmentArranged, "contract", inside)
    with pytest.raises(
        UnsoundApi, match=re.escape('class ShipmentArranged(Event, source="carrier.shipments", external=')
    ):
        Api(stack, "Api", bus=bus)


def test_a_caller_of_an_answers_source_may_be_named(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=[ASK])
    Api(stack, "Api", bus=bus, callers={"carrier.shipments": ["arn:aws:sts::*:assumed-role/carrier/*"]})
    told = json.dumps(synthesised().of("Lambda::Function"))
    assert "assumed-role/carrier" in told


def test_the_document_of_the_api_tells_of_the_answers(template):
    (asset,) = [
        template.asset(f["Code"])
        for f in template.of("Lambda::Function").values()
        if "commands.handler" in f["Handler"]
    ]
    answer = json.loads((asset / "openapi.json").read_text())["paths"]["/callbacks/{id}"]["post"]
    kinds = answer["requestBody"]["content"]["application/cloudevents+json"]["schema"]["oneOf"]
    assert [kind["title"] for kind in kinds] == ["ShipmentArranged", "ShipmentRefused"]
    assert {"202", "401", "404", "409", "410", "503"} <= answer["responses"].keys()


def test_steps_of_two_mediators_share_the_table_and_the_door(stack, synthesised):
    bus = Bus(stack, "Own", name="own")
    for name in ("One", "Two"):
        Mediator(stack, name, bus=bus, steps=[ASK])
    Api(stack, "Api", bus=bus)
    template = synthesised()
    ends = allowed(template, "api_answers", "states")["states:SendTaskSuccess"]["Resource"]
    assert (len(ends), len([name for name in template.of("DynamoDB::Table") if "Callbacks" in name])) == (2, 1)
