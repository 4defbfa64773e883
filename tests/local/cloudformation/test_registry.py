"""The declared resource types compared with AWS's models, and a deployed stack read back through AWS's APIs."""

import json
import os
import sys
from pathlib import Path

import pytest
from bare_moto import REGION, served
from read_back import READ, missing_properties

from millrace.local.cloudformation.registry import TYPES
from millrace.local.cloudformation.registry.calls import input_shape
from millrace.local.cloudformation.registry.shapes import find_member
from millrace.local.cloudformation.registry.stored_types import STORED_SERVICES, STORED_TYPES, stored_reason


@pytest.fixture(scope="module")
def assembly(tmp_path_factory):
    """The shop's stack, synthesised."""
    root = tmp_path_factory.mktemp("shop")
    for folder, name in (("code", "handler.py"), ("layer/python", "needed.py")):
        (root / folder).mkdir(parents=True)
        (root / folder / name).write_text("def handler(event, context): ...\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patched.setenv("CDK_VALIDATION", "false")
        from shop_stack import synthesise

        synthesise(root / "cdk.out", root / "code", root / "layer")
    return root / "cdk.out"


@pytest.fixture(scope="module")
def bare():
    with served(managed_policies=True) as bare:
        yield bare


@pytest.fixture(scope="module")
def deployer(bare, tmp_path_factory):
    return bare.deployer(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def shop(deployer, assembly):
    return deployer.deploy(assembly).stacks["Shop"]


def test_every_property_is_visible_in_the_api_or_declared_as_not_in_moto(bare, shop):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html"""
    missing = {}
    for name, resource in shop.resources.items():
        declared = TYPES[resource.type].not_in_moto
        if resource.type in READ and (found := set(missing_properties(bare, resource)) - declared.keys()):
            missing[name] = found
    assert missing == {}


def test_properties_declared_as_not_in_moto_are_missing_from_the_api(bare, shop):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    Differs: these properties are stored with the stack only, and the service does not return them.
    """
    visible = {}
    for name, resource in shop.resources.items():
        declared = {key for key, reason in TYPES[resource.type].not_in_moto.items() if "an update" not in reason}
        if resource.type in READ and (
            found := declared & resource.properties.keys() - set(missing_properties(bare, resource))
        ):
            visible[name] = found
    assert visible == {}


def of_type(shop, name):
    return [resource for resource in shop.resources.values() if resource.type == name]


def test_properties_not_in_moto_are_stored_with_the_stack(shop):
    (function,) = (each for each in of_type(shop, "AWS::Lambda::Function") if "DeadLetterConfig" in each.properties)
    (alarm,) = of_type(shop, "AWS::CloudWatch::CompositeAlarm")
    assert function.not_in_moto["LoggingConfig"]["LogFormat"] == "JSON"
    assert alarm.not_in_moto["AlarmRule"].startswith("ALARM(")


def test_stack_has_every_type_that_is_read_back(shop):
    assert {resource.type for resource in shop.resources.values()} >= READ.keys()


def test_role_has_its_inline_policies(bare, shop):
    for policy in of_type(shop, "AWS::IAM::Policy"):
        (role,) = policy.properties["Roles"]
        found = bare.client("iam").get_role_policy(RoleName=role, PolicyName=policy.properties["PolicyName"])
        assert found["PolicyDocument"] == policy.properties["PolicyDocument"]


def test_queue_and_topic_have_their_policies(bare, shop):
    (topic,) = of_type(shop, "AWS::SNS::TopicPolicy")
    found = bare.client("sns").get_topic_attributes(TopicArn=topic.properties["Topics"][0])["Attributes"]["Policy"]
    assert json.loads(found) == topic.properties["PolicyDocument"]
    for policy in of_type(shop, "AWS::SQS::QueuePolicy"):
        (url,) = policy.properties["Queues"]
        found = bare.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
        assert json.loads(found) == policy.properties["PolicyDocument"]


def test_bus_has_the_statements_of_its_policy(bare, shop):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html"""
    (policy,) = of_type(shop, "AWS::Events::EventBusPolicy")
    found = json.loads(bare.client("events").describe_event_bus(Name="shop")["Policy"])
    assert found["Statement"] == [policy.properties["Statement"]]


def test_bucket_that_denies_plain_http_is_usable(bare, shop):
    (policy,) = of_type(shop, "AWS::S3::BucketPolicy")
    bucket = policy.properties["Bucket"]
    version = bare.client("s3").put_object(Bucket=bucket, Key="claims/1", Body=b"{}")["VersionId"]
    bare.client("s3").delete_object(Bucket=bucket, Key="claims/1", VersionId=version)
    assert "aws:SecureTransport" in json.dumps(policy.not_in_moto["PolicyDocument"])


def test_rule_is_allowed_to_invoke_its_function(bare, shop):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html"""
    for permission in of_type(shop, "AWS::Lambda::Permission"):
        found = bare.client("lambda").get_policy(FunctionName=permission.properties["FunctionName"])["Policy"]
        assert permission.physical_id in [statement["Sid"] for statement in json.loads(found)["Statement"]]


def test_definition_of_a_state_machine_has_its_substitutions(bare, shop):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html"""
    (machine,) = (
        each
        for each in of_type(shop, "AWS::StepFunctions::StateMachine")
        if "DefinitionSubstitutions" in each.properties
    )
    found = bare.client("stepfunctions").describe_state_machine(stateMachineArn=machine.physical_id)["definition"]
    assert json.loads(found)["States"] == {"End": {"Type": "Succeed"}}


def test_function_has_the_code_of_its_asset(bare, shop):
    """https://docs.aws.amazon.com/cdk/v2/guide/assets.html"""
    (function,) = (each for each in of_type(shop, "AWS::Lambda::Function") if "Layers" in each.properties)
    code = function.properties["Code"]
    size = bare.client("s3").head_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["ContentLength"]
    assert bare.client("lambda").get_function(FunctionName=function.name)["Configuration"]["CodeSize"] == size


def test_second_deployment_makes_no_call(bare, deployer, assembly, shop):
    bare.calls.clear()
    deployer.deploy(assembly)
    assert bare.calls == []


@pytest.mark.parametrize("declared", TYPES.values(), ids=TYPES)
def test_declared_operations_and_arguments_exist_in_boto3(bare, declared):
    client = bare.client(declared.service)
    for call in declared.calls():
        shape = input_shape(client, call.operation)
        for path in [*(argument.path for argument in call.arguments.values()), *call.by]:
            inner = shape
            for step in path.split(".") if path else ():
                _, inner = find_member(inner, step)


@pytest.mark.parametrize("declared", TYPES.values(), ids=TYPES)
def test_declared_immutable_properties_include_those_of_aws(declared):
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, declared.type).schema
    paths = schema.get("createOnlyProperties", []) + schema.get("conditionalCreateOnlyProperties", [])
    immutable = {path.removeprefix("/properties/") for path in paths} & declared.properties
    assert immutable <= declared.immutable


@pytest.mark.parametrize("declared", TYPES.values(), ids=TYPES)
def test_declared_properties_exist_on_aws(declared):
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, declared.type).schema
    assert declared.properties <= schema["properties"].keys()


def test_types_that_are_stored_exist_on_aws_and_are_not_served():
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html"""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    types = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION))
    services = {name.rpartition("::")[0] for name in types}
    assert (STORED_TYPES.keys() - types, STORED_SERVICES.keys() - services) == (set(), set())
    assert [name for name in TYPES if stored_reason(name)] == []


def test_destroy_deletes_every_resource(bare, deployer, shop):
    deployer.destroy(include_retained=True)
    left = {
        "rules": bare.client("events").list_rules(EventBusName="default")["Rules"],
        "functions": bare.client("lambda").list_functions()["Functions"],
        "mappings": bare.client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "queues": bare.client("sqs").list_queues().get("QueueUrls", []),
        "tables": bare.client("dynamodb").list_tables()["TableNames"],
        "machines": bare.client("stepfunctions").list_state_machines()["stateMachines"],
        "groups": bare.client("logs").describe_log_groups()["logGroups"],
        "roles": bare.client("iam").list_roles()["Roles"],
        "buckets": bare.client("s3").list_buckets()["Buckets"],
        "topics": bare.client("sns").list_topics()["Topics"],
        "alarms": bare.client("cloudwatch").describe_alarms()["MetricAlarms"],
    }
    assert {name: found for name, found in left.items() if found} == {}
