"""A CDK stack with an HTTP API, schedules, schemas and secrets, deployed by both routes."""

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
    root = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patched.setenv("CDK_VALIDATION", "false")
        from http_stack import synthesise

        synthesise(root / "cdk.out", ECHO, issuer.url)
    return root / "cdk.out"


@pytest.fixture(scope="module")
def stack(empty_cloud, assembly):
    """Deploy the stack from its assembly."""
    yield empty_cloud.deploy(assembly).stacks["Shop"]
    empty_cloud.reset()


@pytest.fixture(scope="module")
def api(empty_cloud, stack):
    return HttpApi(empty_cloud, stack.outputs["Endpoint"].removeprefix("http://").partition(".")[0])


def test_deployed_api_responds_at_its_endpoint_output(empty_cloud, api, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html"""
    assert stack.outputs["Endpoint"] == f"http://{api.host}"
    assert api.event("GET", "/orders/o-1")["pathParameters"] == {"id": "o-1"}


def test_deployed_routes_have_their_authorizers(api, issuer):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html"""
    token = f"Bearer {issuer.token(scope='orders:read')}"
    assert (api.send("GET", "/mine").status, api.send("GET", "/mine", authorization=token).status) == (401, 200)
    assert (api.send("GET", "/signed").status, api.send("GET", "/signed", **api.signed("GET", "/signed")).status) == (
        403,
        200,
    )


def test_deployed_stage_has_its_throttling_settings(empty_cloud, api):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html

    Differs: the limits are stored but not enforced.
    """
    (stage,) = empty_cloud.client("apigatewayv2").get_stages(ApiId=api.id)["Items"]
    limits = {name: stage["DefaultRouteSettings"][f"Throttling{name}"] for name in ("RateLimit", "BurstLimit")}
    assert (limits, stage["AutoDeploy"]) == ({"RateLimit": 100.0, "BurstLimit": 20}, True)


def test_deployed_schedule_has_template_properties(empty_cloud, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html"""
    (found,) = empty_cloud.client("scheduler").list_schedules(GroupName="shop")["Schedules"]
    schedule = empty_cloud.client("scheduler").get_schedule(GroupName="shop", Name=found["Name"])
    assert (schedule["ScheduleExpressionTimezone"], schedule["Target"]["Input"]) == ("Europe/Berlin", "night")
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}


def test_deployed_schema_has_template_properties(empty_cloud, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eventschemas-schema.html"""
    schemas = empty_cloud.client("schemas")
    schema = schemas.describe_schema(RegistryName="shop", SchemaName="shop.orders@OrderPlaced")
    assert (schema["Content"], schema["Tags"]) == ('{"type": "object"}', {"team": "mill"})


def test_connection_uses_generated_secret(empty_cloud, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html"""
    of_type = {each.type: each for each in stack.resources.values()}
    secret, resource = of_type["AWS::SecretsManager::Secret"], of_type["AWS::Events::Connection"]
    value = empty_cloud.client("secretsmanager").get_secret_value(SecretId=secret.physical_id)["SecretString"]
    (connection,) = empty_cloud.region.backends.events.connections.values()
    assert connection.auth_parameters["ApiKeyAuthParameters"]["ApiKeyValue"] == json.loads(value)["key"]
    assert json.loads(value)["key"] not in json.dumps(dict(resource.properties))


def test_update_changes_resources_in_place(empty_cloud, assembly, tmp_path, api):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    changed = (assembly / "Shop.template.json").read_text()
    for before, after in (("The API", "Our API"), ("night", "nights"), ('"All"', '"Each"'), ("All events", "Ours")):
        changed = changed.replace(before, after)
    (assembly / "Shop.template.json").write_text(changed)
    changes = []
    empty_cloud.deploy(assembly, changes.append)
    assert {change.action for change in changes} == {"update"}
    assert empty_cloud.client("apigatewayv2").get_api(ApiId=api.id)["Description"] == "Our API"
    assert api.send("GET", "/orders/o-1").status == 200


@pytest.mark.parametrize(
    ("kind", "properties", "named"),
    [
        ("Api", {"Name": "a", "ProtocolType": "WEBSOCKET"}, "ProtocolType 'WEBSOCKET'"),
        ("Api", {"Name": "a", "Body": {}}, "Api.Body"),
        (
            "Integration",
            {"ApiId": "a", "IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://a.b/"},
            "https://a.b/",
        ),
        ("Integration", {"ApiId": "a", "IntegrationType": "AWS_PROXY", "ConnectionType": "VPC_LINK"}, "'VPC_LINK'"),
        (
            "Integration",
            {"ApiId": "a", "IntegrationType": "AWS_PROXY", "IntegrationSubtype": "AppConfig-GetConfiguration"},
            "IntegrationSubtype 'AppConfig-GetConfiguration'",
        ),
    ],
)
def test_deployment_rejects_unsupported_properties(empty_cloud, stack, write_assembly, kind, properties, named):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations.html

    Refused: WebSocket APIs, OpenAPI bodies, private integrations, AppConfig, and HTTP endpoints of other machines.
    """
    folder = write_assembly(Bad={"Bad": {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}})
    with pytest.raises(DeploymentError, match=named):
        empty_cloud.deploy(folder)


def test_template_can_be_deployed_with_create_stack(empty_cloud, assembly):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""
    empty_cloud.reset()
    formation = empty_cloud.client("cloudformation")
    text = (assembly / "Shop.template.json").read_text()
    template = json.loads(text)
    for section in ("Parameters", "Rules"):
        template.pop(section, None)
    formation.create_stack(StackName="Shop", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    empty_cloud.settle()
    (stack,) = formation.describe_stacks(StackName="Shop")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    host = stack["Outputs"][0]["OutputValue"].removeprefix("http://")
    assert HttpApi(empty_cloud, host.partition(".")[0]).send("GET", "/orders/o-1").status == 200
    empty_cloud.reset()
