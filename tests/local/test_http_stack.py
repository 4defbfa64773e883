"""A stack with an HTTP API, schedules, schemas and secrets, as CDK writes it, by both ways in."""

import json
import os
import sys
from pathlib import Path

import pytest
from http_kit import HttpApi

from millrace.local.cloudformation.deployment import DeploymentError

pytest_plugins = ["bare_moto", "http_fixtures"]

ECHO = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps(event)}\n"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory, issuer):
    root = tmp_path_factory.mktemp("door")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patched.setenv("CDK_VALIDATION", "false")
        from http_stack import synthesise

        synthesise(root / "cdk.out", ECHO, issuer.url)
    return root / "cdk.out"


@pytest.fixture(scope="module")
def door(empty_cloud, assembly):
    """The stack, deployed from its assembly."""
    yield empty_cloud.deploy(assembly).stacks["Http"]
    empty_cloud.reset()


@pytest.fixture(scope="module")
def api(empty_cloud, door):
    return HttpApi(empty_cloud, door.outputs["Endpoint"].removeprefix("http://").partition(".")[0])


def test_a_deployed_api_answers_where_its_output_says(empty_cloud, api, door):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html"""
    assert door.outputs["Endpoint"] == f"http://{api.host}"
    assert api.event("GET", "/orders/o-1")["pathParameters"] == {"id": "o-1"}


def test_a_deployed_route_asks_for_what_its_authorizer_wants(api, issuer):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html"""
    token = f"Bearer {issuer.token(scope='orders:read')}"
    assert (api.ask("GET", "/mine").status, api.ask("GET", "/mine", authorization=token).status) == (401, 200)
    assert (api.ask("GET", "/signed").status, api.ask("GET", "/signed", **api.signed("GET", "/signed")).status) == (
        403,
        200,
    )


def test_a_deployed_stage_keeps_its_throttling(empty_cloud, api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html

    Differs: the limits are kept, and nothing is throttled by them.
    """
    (stage,) = empty_cloud.client("apigatewayv2").get_stages(ApiId=api.id)["Items"]
    limits = {name: stage["DefaultRouteSettings"][f"Throttling{name}"] for name in ("RateLimit", "BurstLimit")}
    assert (limits, stage["AutoDeploy"]) == ({"RateLimit": 100.0, "BurstLimit": 20}, True)


def test_a_deployed_schedule_is_as_the_template_has_it(empty_cloud, door):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html"""
    (found,) = empty_cloud.client("scheduler").list_schedules(GroupName="shop")["Schedules"]
    schedule = empty_cloud.client("scheduler").get_schedule(GroupName="shop", Name=found["Name"])
    assert (schedule["ScheduleExpressionTimezone"], schedule["Target"]["Input"]) == ("Europe/Berlin", "night")
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}


def test_a_deployed_schema_is_described(empty_cloud, door):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eventschemas-schema.html"""
    schemas = empty_cloud.client("schemas")
    schema = schemas.describe_schema(RegistryName="shop", SchemaName="shop.orders@OrderPlaced")
    assert (schema["Content"], schema["Tags"]) == ('{"type": "object"}', {"team": "mill"})


def test_a_secret_is_generated_and_a_connection_refers_to_it(empty_cloud, door):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html"""
    of_type = {each.type: each for each in door.resources.values()}
    secret, kept = of_type["AWS::SecretsManager::Secret"], of_type["AWS::Events::Connection"]
    value = empty_cloud.client("secretsmanager").get_secret_value(SecretId=secret.physical_id)["SecretString"]
    (sent,) = empty_cloud.region.backends.events.connections.values()
    assert sent.auth_parameters["ApiKeyAuthParameters"]["ApiKeyValue"] == json.loads(value)["key"]
    assert json.loads(value)["key"] not in json.dumps(dict(kept.properties))


def test_an_update_changes_each_type_in_place(empty_cloud, assembly, tmp_path, api):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    changed = (assembly / "Door.template.json").read_text()
    for before, after in (("The door", "Our door"), ("night", "nights"), ('"All"', '"Each"'), ("All events", "Ours")):
        changed = changed.replace(before, after)
    (assembly / "Door.template.json").write_text(changed)
    changes = []
    empty_cloud.deploy(assembly, changes.append)
    assert {change.action for change in changes} == {"update"}
    assert empty_cloud.client("apigatewayv2").get_api(ApiId=api.id)["Description"] == "Our door"
    assert api.ask("GET", "/orders/o-1").status == 200


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("Api", {"Name": "a", "ProtocolType": "WEBSOCKET"}, "ProtocolType 'WEBSOCKET'"),
        ("Api", {"Name": "a", "Body": {}}, "Api.Body"),
        ("Integration", {"ApiId": "a", "IntegrationType": "HTTP_PROXY"}, "IntegrationType 'HTTP_PROXY'"),
        (
            "Integration",
            {"ApiId": "a", "IntegrationType": "AWS_PROXY", "IntegrationSubtype": "x"},
            "IntegrationSubtype",
        ),
        ("Authorizer", {"ApiId": "a", "Name": "a", "AuthorizerType": "REQUEST"}, "AuthorizerType 'REQUEST'"),
    ],
)
def test_what_is_not_served_stops_the_deployment_by_name(empty_cloud, door, write, kind, properties, named):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations.html

    Refused: WebSocket APIs, OpenAPI bodies, integrations other than functions with format 2.0, Lambda authorizers.
    """
    folder = write(Bad={"Bad": {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}})
    with pytest.raises(DeploymentError, match=named):
        empty_cloud.deploy(folder)


def test_the_same_template_goes_through_cloudformations_api(empty_cloud, assembly):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""
    empty_cloud.reset()
    formation = empty_cloud.client("cloudformation")
    text = (assembly / "Door.template.json").read_text()
    template = json.loads(text)
    for section in ("Parameters", "Rules"):
        template.pop(section, None)
    formation.create_stack(StackName="Door", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    empty_cloud.settle()
    (stack,) = formation.describe_stacks(StackName="Door")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    host = stack["Outputs"][0]["OutputValue"].removeprefix("http://")
    assert HttpApi(empty_cloud, host.partition(".")[0]).ask("GET", "/orders/o-1").status == 200
    empty_cloud.reset()
