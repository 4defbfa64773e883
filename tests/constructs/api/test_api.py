"""The Api construct: validation, authorization, and permissions."""

import json
import re

import pytest

from millrace.cli import main
from millrace.constructs import Api, ApiDefinitionError, IamAuthorizer, JwtAuthorizer, NoAuthorizer
from millrace.events import Event


class Calibrate(Event, source="test.sensor"):
    """Calibrate a sensor."""

    sensor: str


class Measured(Event, source="test.device", external=True):
    """A device has measured."""

    value: int


def raises(message):
    return pytest.raises(ApiDefinitionError, match=re.escape(message))


@pytest.fixture
def synthesize(stack, bus, synthesised):
    """Synthesize an API with settings."""

    def synthesize(**settings):
        Api(stack, "Api", bus=bus, commands=[Calibrate], events=[Measured], **settings)
        return synthesised()

    return synthesize


def routes(template):
    return {route["RouteKey"]: route for route in template.of("ApiGatewayV2::Route").values()}


def test_ingress_of_an_internal_event_raises(stack, bus):
    with raises('write class Calibrate(Event, source="test.sensor", external=True), or remove it.'):
        Api(stack, "Api", bus=bus, events=[Calibrate])


def test_callers_of_a_source_without_events_raise(stack, bus):
    with raises("has callers for test.other, but takes no events of that source"):
        Api(stack, "Api", bus=bus, events=[Measured], callers={"test.other": ["*"]})


@pytest.mark.parametrize(
    ("authorizer", "kind"),
    [
        (None, "AWS_IAM"),
        (IamAuthorizer(), "AWS_IAM"),
        (JwtAuthorizer("https://login.example", ["audience"]), "JWT"),
        (NoAuthorizer(reason="The catalog of a shop is public."), "NONE"),
    ],
)
def test_authorizer_applies_to_every_route(synthesize, authorizer, kind):
    found = routes(synthesize(authorizer=authorizer))
    assert found.keys() == {"POST /commands/{command}", "POST /events", "GET /openapi.json"}
    assert {route["AuthorizationType"] for route in found.values()} == {kind}


def test_template_contains_the_reason_for_public_access(synthesize):
    template = synthesize(authorizer=NoAuthorizer(reason="The catalog of a shop is public."))
    assert "The catalog of a shop is public." in json.dumps(template.body)


def test_ingress_and_commands_may_only_publish_their_events(synthesize):
    template = synthesize()
    allowed = {
        name: [
            statement["Condition"]["ForAllValues:StringEquals"]["events:detail-type"]
            for statement in template.statements(template.function(name))
            if statement["Action"] == "events:PutEvents"
        ]
        for name in ("api_ingress", "api_commands")
    }
    assert allowed == {"api_ingress": [["Measured"]], "api_commands": [["Calibrate"]]}


def test_stage_has_throttling_and_access_logs_without_headers(synthesize):
    (stage,) = synthesize(rate_limit=7).of("ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 7
    assert "header" not in stage["AccessLogSettings"]["Format"]


def test_openapi_command_prints_the_document_of_the_only_api(template, capsys, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    assert main(["openapi"]) == 0
    assert "/commands/PlaceOrder" in json.loads(capsys.readouterr().out)["paths"]
