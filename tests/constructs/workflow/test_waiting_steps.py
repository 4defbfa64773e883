"""A step that waits for a callback: states, token table, callback route, and permissions."""

import json
import re

import pytest

from functions.contracts.carrier import ShipmentArranged
from millrace.constructs import Api, ApiDefinitionError, Bus, Mediator
from millrace.constructs.workflow.callbacks import CallbackOrderError
from millrace.runtime.tokens import callback_id_prefix

REQUEST, RESUME = "arrange_shipping", "arrange_shipping: answer"


@pytest.fixture
def states(template):
    return template.machine()["States"]


def allowed(template, function, service):
    """Return a function's statements for a service by action."""
    found = template.statements(template.function(function))
    pairs = [(s["Action"], s) for s in found if json.dumps(s["Action"]).startswith((f'"{service}:', f'["{service}:'))]
    return {action: s for actions, s in pairs for action in ([actions] if isinstance(actions, str) else actions)}


def test_waiting_step_has_a_request_task_and_a_resume_task(states):
    assert states[REQUEST]["Resource"].endswith(":states:::lambda:invoke.waitForTaskToken")
    assert states[REQUEST]["Parameters"]["Payload"]["token.$"] == "$$.Task.Token"
    assert (states[REQUEST]["Next"], states[REQUEST]["TimeoutSeconds"]) == (RESUME, 2 * 86_400)


def test_request_is_not_retried_after_its_timeout(states):
    first, *rest = states[REQUEST]["Retry"]
    assert first == {"ErrorEquals": ["States.Timeout", "AlreadyAnsweredError"], "MaxAttempts": 0}
    assert rest == states[RESUME]["Retry"]


def test_answered_request_continues_with_the_answer(states):
    first, last = states[REQUEST]["Catch"]
    assert (first["ErrorEquals"], first["Next"]) == (["AlreadyAnsweredError"], RESUME)
    assert (last["ErrorEquals"], last["Next"]) == (["States.ALL"], states[RESUME]["Catch"][0]["Next"])


def test_only_the_request_task_receives_the_token(template):
    assert json.dumps(template.body).count("Task.Token") == 1


def test_only_the_callback_function_may_complete_tasks(template):
    (machine,) = template.of("StepFunctions::StateMachine")
    names = [known["function"] for known in template.metadata().values()]
    may = {name: allowed(template, name, "states") for name in names}
    completing = {
        name: actions["states:SendTaskSuccess"]["Resource"]
        for name, actions in may.items()
        if "states:SendTaskSuccess" in actions
    }
    assert completing == {"api_answers": {"Ref": machine}}


def test_step_may_only_write_its_own_callbacks(template):
    may = allowed(template, REQUEST, "dynamodb")
    table = next(name for name in template.of("DynamoDB::Table") if "Callbacks" in name)
    own = [s for s in may.values() if s["Resource"] == {"Fn::GetAtt": [table, "Arn"]}]
    keys = [s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for s in own]
    assert keys == [[f"{callback_id_prefix('Shop.Fulfilment.Fulfilment.ArrangeShipping')}-*"]]
    assert own[0]["Action"] == "dynamodb:UpdateItem"


def test_callback_function_may_not_publish_events(template):
    assert allowed(template, "api_answers", "events") == {}
    assert sorted(allowed(template, "api_answers", "dynamodb")) == ["dynamodb:GetItem", "dynamodb:UpdateItem"]


def test_tokens_are_encrypted_and_expire(keyed):
    (table,) = [properties for name, properties in keyed.of("DynamoDB::Table").items() if "Callbacks" in name]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert "Key" in json.dumps(table["SSESpecification"]["KMSMasterKeyId"])


def test_without_waiting_steps_there_is_no_token_table_and_no_route(stack, bus, synthesised):
    Api(stack, "Api", bus=bus)
    template = synthesised()
    assert not [name for name in template.of("DynamoDB::Table") if "Callbacks" in name]
    assert [route["RouteKey"] for route in template.of("ApiGatewayV2::Route").values()] == ["GET /openapi.json"]


def test_callback_route_can_be_disabled(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=[REQUEST])
    Api(stack, "Api", bus=bus, callbacks=False)
    assert [route["RouteKey"] for route in synthesised().of("ApiGatewayV2::Route").values()] == ["GET /openapi.json"]


def test_creating_a_waiting_step_after_the_api_raises(stack, bus):
    Api(stack, "Api", bus=bus)
    with pytest.raises(CallbackOrderError, match="create the Api after all mediators, or set callbacks=False"):
        Mediator(stack, "M", bus=bus, steps=[REQUEST])


def test_callback_with_an_internal_event_raises(stack, bus, monkeypatch):
    Mediator(stack, "M", bus=bus, steps=[REQUEST])
    internal = ShipmentArranged.contract.__class__(**{**vars(ShipmentArranged.contract), "external": False})
    monkeypatch.setattr(ShipmentArranged, "contract", internal)
    with pytest.raises(
        ApiDefinitionError, match=re.escape('class ShipmentArranged(Event, source="carrier.shipments", external=')
    ):
        Api(stack, "Api", bus=bus)


def test_callers_can_be_set_for_the_source_of_a_callback(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=[REQUEST])
    Api(stack, "Api", bus=bus, callers={"carrier.shipments": ["arn:aws:sts::*:assumed-role/carrier/*"]})
    assert "assumed-role/carrier" in json.dumps(synthesised().of("Lambda::Function"))


def test_openapi_document_describes_callbacks(template):
    (asset,) = [
        template.asset(f["Code"])
        for f in template.of("Lambda::Function").values()
        if "commands.handler" in f["Handler"]
    ]
    answer = json.loads((asset / "openapi.json").read_text())["paths"]["/callbacks/{id}"]["post"]
    kinds = answer["requestBody"]["content"]["application/cloudevents+json"]["schema"]["oneOf"]
    assert [kind["title"] for kind in kinds] == ["ShipmentArranged", "ShipmentRefused"]
    assert {"202", "401", "404", "409", "410", "503"} <= answer["responses"].keys()


def test_mediators_on_a_bus_share_the_token_table_and_the_route(stack, synthesised):
    bus = Bus(stack, "Bus", name="test")
    for name in ("One", "Two"):
        Mediator(stack, name, bus=bus, steps=[REQUEST])
    Api(stack, "Api", bus=bus)
    template = synthesised()
    machines = allowed(template, "api_answers", "states")["states:SendTaskSuccess"]["Resource"]
    assert (len(machines), len([name for name in template.of("DynamoDB::Table") if "Callbacks" in name])) == (2, 1)
