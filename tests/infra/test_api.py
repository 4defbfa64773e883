"""The Api construct: what it refuses, whom it lets in, and what its functions may do."""

import json
import re

import pytest

from millrace.cli import main
from millrace.constructs import Api, IamAuthorizer, JwtAuthorizer, OpenToAll, UnsoundApi
from millrace.events import Event


class Knock(Event, source="test.door"):
    """Knock at the door."""

    door: str


class Rang(Event, source="test.bell", external=True):
    """Somebody outside rang."""

    times: int


def refuses(told):
    return pytest.raises(UnsoundApi, match=re.escape(told))


@pytest.fixture
def made(stack, bus, synthesised):
    """The template of an API with these settings."""

    def made(**settings):
        Api(stack, "Door", bus=bus, commands=[Knock], events=[Rang], **settings)
        return synthesised()

    return made


def routes(template):
    return {route["RouteKey"]: route for route in template.of("ApiGatewayV2::Route").values()}


def test_an_event_that_does_not_come_from_outside_is_refused_at_the_door(stack, bus):
    with refuses('write class Knock(Event, source="test.door", external=True), or take it out.'):
        Api(stack, "Door", bus=bus, events=[Knock])


def test_callers_of_a_source_that_does_not_come_in_are_refused(stack, bus):
    with refuses("names callers of test.window, of which it takes no event"):
        Api(stack, "Door", bus=bus, events=[Rang], callers={"test.window": ["*"]})


@pytest.mark.parametrize(
    ("authorizer", "kind"),
    [
        (None, "AWS_IAM"),
        (IamAuthorizer(), "AWS_IAM"),
        (JwtAuthorizer("https://login.example", ["door"]), "JWT"),
        (OpenToAll(reason="The door of a shop is open."), "NONE"),
    ],
)
def test_every_route_asks_for_what_the_authorizer_says(made, authorizer, kind):
    found = routes(made(authorizer=authorizer))
    assert found.keys() == {"POST /commands/{command}", "POST /events", "GET /openapi.json"}
    assert {route["AuthorizationType"] for route in found.values()} == {kind}


def test_what_is_open_says_why_in_the_template(made):
    template = made(authorizer=OpenToAll(reason="The door of a shop is open."))
    assert "The door of a shop is open." in json.dumps(template.body)


def test_the_door_may_publish_what_comes_from_outside_and_commands_what_is_asked_for(made):
    template = made()
    allowed = {
        name: [
            statement["Condition"]["ForAllValues:StringEquals"]["events:detail-type"]
            for statement in template.statements(template.function(name))
            if statement["Action"] == "events:PutEvents"
        ]
        for name in ("door_door", "door_commands")
    }
    assert allowed == {"door_door": [["Rang"]], "door_commands": [["Knock"]]}


def test_a_stage_has_limits_and_a_log_without_what_callers_send(made):
    (stage,) = made(rate_limit=7).of("ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 7
    assert "header" not in stage["AccessLogSettings"]["Format"]


def test_the_command_prints_the_document_of_the_one_api(template, capsys, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    assert main(["openapi"]) == 0
    assert "/commands/PlaceOrder" in json.loads(capsys.readouterr().out)["paths"]
