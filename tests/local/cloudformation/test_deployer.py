"""Deployments of hand-written templates."""

import json

import pytest
from deployer_fixtures import queue, rule

from millrace.local.cloudformation.assembly import AssemblyError
from millrace.local.cloudformation.deployment import DeploymentError
from millrace.local.cloudformation.refusals import Options, RefusedDeploymentError
from millrace.local.cloudformation.template import CircularDependencyError

pytest_plugins = ("bare_moto", "deployer_fixtures")


def test_resource_is_created_after_its_references(deploy, resources, bare):
    assert deploy(Rule=rule("Queue"), Queue=queue()) == [("create", "Queue"), ("create", "Rule")]
    (target,) = bare.client("events").list_targets_by_rule(Rule=resources()["Rule"].physical_id)["Targets"]
    assert target["Arn"] == resources()["Queue"].attributes["Arn"]


def test_change_has_construct_path_type_and_physical_id(deployer, write_assembly, resources):
    changes = []
    deployer.deploy(write_assembly(Shop={"Queue": queue()}), changes.append)
    assert (changes[0].path, changes[0].type) == ("Shop/Queue/Resource", "AWS::SQS::Queue")
    assert changes[0].physical_id == resources()["Queue"].physical_id


def test_generated_name_is_stack_logical_id_and_twelve_characters(deploy, queues):
    deploy(Queue=queue(FifoQueue=True))
    stack, logical_id, tail = queues()[0].removesuffix(".fifo").split("-")
    assert (stack, logical_id, len(tail), queues()[0][-5:]) == ("Shop", "Queue", 12, ".fifo")


def test_generated_name_is_cut_to_the_limit_of_the_service(deploy, queues):
    deploy(**{"Q" * 90: queue(FifoQueue=True)})
    assert len(queues()[0]) == 80
    assert queues()[0].startswith("Shop-QQQ")


def test_same_seed_generates_the_same_names(bare, write_assembly, tmp_path, queues):
    found = []
    for _ in range(2):
        bare.reset()
        bare.deployer(tmp_path, seed=7).deploy(write_assembly(Shop={"A": queue(), "B": queue()}))
        found.append(queues())
    assert found[0] == found[1]


def test_unchanged_stack_makes_no_call(deploy, bare):
    stack = {"Queue": queue(), "Rule": rule("Queue")}
    deploy(**stack)
    bare.calls.clear()
    assert deploy(**stack) == []
    assert bare.calls == []


def test_changed_property_is_updated_in_place(deploy, resources, attributes):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(VisibilityTimeout=10))
    before = resources()["Queue"]
    assert deploy(Queue=queue(VisibilityTimeout=20)) == [("update", "Queue")]
    assert resources()["Queue"].physical_id == before.physical_id
    assert attributes(before)["VisibilityTimeout"] == "20"


def test_removed_property_gets_its_default(deploy, resources, attributes):
    deploy(Queue=queue(VisibilityTimeout=10, DelaySeconds=5))
    deploy(Queue=queue(DelaySeconds=5))
    found = attributes(resources()["Queue"])
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("30", "5")


def test_property_without_a_declared_default_cannot_be_removed(deploy, resources):
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {"SourceArn": "arn:aws:events:us-east-1:123456789012:event-bus/default", "EventPattern": {}},
    }
    archive["Properties"]["EventPattern"] = {"source": ["shop"]}
    deploy(Archive=archive)
    del archive["Properties"]["EventPattern"]
    with pytest.raises(DeploymentError, match=r"AWS::Events::Archive\.EventPattern cannot be removed from Archive"):
        deploy(Archive=archive)


def test_update_of_a_queue_keeps_its_policy(deploy, resources, attributes):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document},
    }
    deploy(Queue=queue(VisibilityTimeout=10), Policy=policy)
    deploy(Queue=queue(VisibilityTimeout=20), Policy=policy)
    assert json.loads(attributes(resources()["Queue"])["Policy"]) == document


def test_replacement_updates_dependent_resources(deploy, resources, queues, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(QueueName="one"), Rule=rule("Queue"))
    changes = deploy(Queue=queue(QueueName="two"), Rule=rule("Queue"))
    assert changes == [("replace", "Queue"), ("update", "Rule"), ("delete", "Queue")]
    (target,) = bare.client("events").list_targets_by_rule(Rule=resources()["Rule"].physical_id)["Targets"]
    assert (queues(), target["Arn"].rsplit(":", 1)[-1]) == (["two"], "two")


def test_replacement_with_the_same_custom_name_fails(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(QueueName="orders"))
    with pytest.raises(DeploymentError, match="Change QueueName and deploy again"):
        deploy(Queue=queue(QueueName="orders", FifoQueue=True))
    assert queues() == ["orders"]


def test_changed_type_replaces_the_resource(deploy, queues):
    deploy(Thing=queue())
    assert deploy(Thing={"Type": "AWS::Logs::LogGroup"}) == [("replace", "Thing"), ("delete", "Thing")]
    assert queues() == []


def test_removed_resources_are_deleted_in_reverse_order(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Rule=rule("Queue"), Queue=queue(), Other=queue())
    assert deploy(Other=queue()) == [("delete", "Rule"), ("delete", "Queue")]
    assert len(queues()) == 1


def test_retained_resource_is_not_deleted(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    deploy(Kept={**queue(), "DeletionPolicy": "Retain"}, Other=queue())
    assert deploy(Other=queue()) == [("retain", "Kept")]
    assert len(queues()) == 2


def test_resources_of_a_removed_stack_are_deleted(deployer, write_assembly, queues):
    deployer.deploy(write_assembly(One={"Queue": queue()}, Two={"Queue": queue()}))
    deployer.deploy(write_assembly(Two={"Queue": queue()}))
    assert [name.split("-")[0] for name in queues()] == ["Two"]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::Events::Endpoint"}, r"the resource type AWS::Events::Endpoint, used by Thing"),
        (queue(Foo=1), r"the property AWS::SQS::Queue\.Foo, used by Thing"),
        (
            rule("Other", RoleArn={"Fn::GetAtt": ["Other", "Size"]}),
            r"the attribute AWS::SQS::Queue\.Size, used by Thing",
        ),
    ],
)
def test_unsupported_type_property_or_attribute_fails_before_any_call(deploy, bare, resource, message):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    Refused: types, properties and attributes that no service declares.
    """
    with pytest.raises(DeploymentError, match=message):
        deploy(Other=queue(), Thing=resource)
    assert bare.calls == []


def test_unsupported_nested_property_is_reported_with_its_path(deploy, queues):
    targets = [{"Id": "one", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RetryPolicy": {"Attempts": 3}}]
    with pytest.raises(
        DeploymentError, match=r"the property AWS::Events::Rule\.Targets\.RetryPolicy\.Attempts, used by Rule"
    ):
        deploy(Queue=queue(), Rule=rule("Queue", Targets=targets))
    assert queues() == []


def test_error_names_resource_construct_and_cause(deploy):
    with pytest.raises(DeploymentError) as failed:
        deploy(Rule=rule("Queue", EventPattern={"source": ["x"]}, EventBusName="missing"), Queue=queue())
    assert str(failed.value).startswith("Shop.Rule (AWS::Events::Rule, Shop/Rule/Resource): ")
    assert "missing does not exist" in str(failed.value.cause)


def test_failed_deployment_deletes_created_resources(deploy, deployer, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html"""
    with pytest.raises(DeploymentError):
        deploy(Rule=rule("Queue", EventBusName="missing"), Queue=queue())
    assert (queues(), deployer.deployment.stacks) == ([], {})


def test_failed_deployment_reverts_updates_and_replacements(deploy, resources, queues, attributes):
    deploy(A=queue(VisibilityTimeout=10), B=queue(QueueName="one"))
    with pytest.raises(DeploymentError):
        deploy(A=queue(VisibilityTimeout=20), B=queue(QueueName="two"), Rule=rule("B", EventBusName="missing"))
    assert attributes(resources()["A"])["VisibilityTimeout"] == "10"
    assert [name for name in queues() if not name.startswith("Shop-")] == ["one"]


def test_deployment_after_a_failure_starts_from_the_previous_state(deploy):
    deploy(A=queue())
    with pytest.raises(DeploymentError):
        deploy(A=queue(), Rule=rule("A", EventBusName="missing"))
    assert deploy(A=queue(), Rule=rule("A")) == [("create", "Rule")]


def test_stacks_are_deployed_in_order_of_their_imports(deployer, write_assembly, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"""
    export = {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "Zoo:Queue"}}
    imported = rule("Queue", Targets=[{"Id": "one", "Arn": {"Fn::ImportValue": "Zoo:Queue"}}])
    found = deployer.deploy(
        write_assembly(sections={"Zoo": {"Outputs": {"Out": export}}}, Ape={"Rule": imported}, Zoo={"Queue": queue()})
    )
    (target,) = bare.client("events").list_targets_by_rule(Rule=found.stacks["Ape"].resources["Rule"].physical_id)[
        "Targets"
    ]
    assert list(found.stacks) == ["Zoo", "Ape"]
    assert target["Arn"] == found.exports["Zoo:Queue"] == found.stacks["Zoo"].outputs["Out"]


def test_failure_of_one_stack_rolls_back_the_previous_stacks(deployer, write_assembly, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    Differs: a run over several stacks is rolled back as a whole.
    """
    broken = {"Queue": queue(), "Rule": rule("Queue", EventBusName="missing")}
    with pytest.raises(DeploymentError, match=r"Two\.Rule"):
        deployer.deploy(write_assembly(dependencies={"Two": ["One"]}, One={"Queue": queue()}, Two=broken))
    assert queues() == []


def test_circular_dependency_between_stacks_fails(deployer, write_assembly):
    with pytest.raises(CircularDependencyError, match="One"):
        deployer.deploy(
            write_assembly(dependencies={"Two": ["One"], "One": ["Two"]}, One={"A": queue()}, Two={"A": queue()})
        )


def test_cdk_metadata_is_ignored(deploy):
    assert deploy(Meta={"Type": "AWS::CDK::Metadata"}, Queue=queue()) == [("create", "Queue")]


def test_resource_and_output_with_a_false_condition_are_skipped(deployer, write_assembly):
    never = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Outputs": {"Out": {"Condition": "Never", "Value": 1}},
    }
    resources = {"Queue": queue(), "Other": {**queue(), "Condition": "Never"}}
    found = deployer.deploy(write_assembly(sections={"Shop": never}, Shop=resources)).stacks["Shop"]
    assert (list(found.resources), found.outputs) == (["Queue"], {})


def test_parameter_gets_its_default_or_the_value_in_ssm(deployer, write_assembly, bare, attributes):
    bare.client("ssm").put_parameter(Name="/delay", Type="String", Value="7")
    parameters = {
        "Delay": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/delay"},
        "Timeout": {"Type": "Number", "Default": 9},
        "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/version"},
    }
    resources = {"Queue": queue(DelaySeconds={"Ref": "Delay"}, VisibilityTimeout={"Ref": "Timeout"})}
    shop = deployer.deploy(write_assembly(sections={"Shop": {"Parameters": parameters}}, Shop=resources)).stacks["Shop"]
    found = attributes(shop.resources["Queue"])
    assert (found["DelaySeconds"], found["VisibilityTimeout"]) == ("7", "9")


def test_parameter_without_a_value_fails(deployer, write_assembly):
    with pytest.raises(DeploymentError, match="Shop: the parameter Stage has no default"):
        deployer.deploy(
            write_assembly(sections={"Shop": {"Parameters": {"Stage": {"Type": "String"}}}}, Shop={"Queue": queue()})
        )


def test_folder_without_an_assembly_fails(deployer, tmp_path):
    with pytest.raises(AssemblyError, match=r"manifest\.json.*cdk synth"):
        deployer.deploy(tmp_path / "missing")


def test_function_with_an_image_is_refused_by_name(deployer, write_assembly):
    """https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
    Refused: functions from container images, which need Docker.
    """
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ImageUri": "repository:abc"}}}
    folder = write_assembly(Shop={"Queue": queue(), "Function": function})
    (folder / "Shop.assets.json").write_text(json.dumps({"dockerImages": {"abc": {}}}))
    with pytest.raises(RefusedDeploymentError, match=r"container image, used by Function: .* without Docker"):
        deployer.deploy(folder)
    skip = Options(skip=frozenset({"AWS::Lambda::Function"}))
    assert list(deployer.deploy(folder, options=skip).stacks["Shop"].resources) == ["Queue"]


@pytest.fixture
def assembly_with_asset(write_assembly, tmp_path):
    """An assembly with a folder asset."""
    code = tmp_path / "cdk.out" / "asset.1"
    code.mkdir(parents=True)
    (code / "handler.py").write_text("def handler(event, context): ...\n")
    destination = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "1.zip"}
    asset = {"source": {"path": "asset.1", "packaging": "zip"}, "destinations": {"here": destination}}
    return write_assembly(files={"1": asset}, Shop={"Queue": queue()})


def test_asset_is_uploaded_to_its_destination(deployer, assembly_with_asset, bare):
    deployer.deploy(assembly_with_asset)
    found = bare.client("s3").get_object(Bucket="assets-123456789012-us-east-1", Key="1.zip")["Body"].read()
    assert found[:2] == b"PK"


def test_folder_is_zipped_once_and_reproducibly(deployer, assembly_with_asset, bare, tmp_path):
    deployer.deploy(assembly_with_asset)
    first = tmp_path / "cache" / "1.zip"
    modified, content = first.stat().st_mtime_ns, first.read_bytes()
    (assembly_with_asset / "asset.1" / "handler.py").touch()
    bare.deployer(tmp_path / "cache").deploy(assembly_with_asset)
    bare.deployer(tmp_path / "other").deploy(assembly_with_asset)
    assert first.stat().st_mtime_ns == modified
    assert (tmp_path / "other" / "1.zip").read_bytes() == content


def test_destroy_deletes_all_but_retained_resources(deployer, deploy, queues, bare):
    deploy(Kept={**queue(QueueName="kept"), "DeletionPolicy": "Retain"}, Queue=queue(), Rule=rule("Queue"))
    deployer.destroy()
    assert (queues(), bare.client("events").list_rules()["Rules"]) == (["kept"], [])
    assert deployer.deployment.stacks == {}


def test_destroy_can_include_retained_resources(deployer, assembly_with_asset, queues, bare):
    deployer.deploy(assembly_with_asset)
    deployer.destroy(include_retained=True)
    assert (queues(), bare.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_destroy_ignores_already_deleted_resources(deployer, deploy, resources, bare):
    deploy(Queue=queue())
    bare.client("sqs").delete_queue(QueueUrl=resources()["Queue"].physical_id)
    deployer.destroy()
    assert deployer.deployment.stacks == {}


# -- accounts and regions --------------------------------------------------------------------------------------------


def test_stack_of_another_account_is_not_deployed(bare, tmp_path, write_assembly):
    deployer = bare.deployer(tmp_path, home=("111122223333", "eu-west-1"))
    environments = {"Here": "aws://123456789012/us-east-1", "There": "aws://111122223333/eu-west-1"}
    stacks = {name: {"Queue": queue()} for name in ("Here", "There", "WithoutEnvironment")}
    deployer.deploy(write_assembly(environments=environments, **stacks))
    assert list(deployer.deployment.stacks) == ["Here"]


def test_type_supported_only_at_home_fails_elsewhere(bare, tmp_path, write_assembly):
    deployer = bare.deployer(tmp_path, home=("111122223333", "eu-west-1"))
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}}
    folder = write_assembly(environments={"Here": "aws://123456789012/us-east-1"}, Here={"Queue": queue(), "Api": api})
    with pytest.raises(DeploymentError, match="supported only in 111122223333 in eu-west-1, not in 123456789012"):
        deployer.deploy(folder)
    assert bare.client("sqs").list_queues().get("QueueUrls", []) == []


@pytest.mark.parametrize(("policy", "kept"), [("Retain", True), ("RetainExceptOnCreate", False), ("Delete", False)])
def test_failed_creation_keeps_only_resources_with_the_policy_retain(deploy, deployer, policy, kept):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    broken = {**rule("Queue"), "DependsOn": "Queue"}
    broken["Properties"] = {**broken["Properties"], "EventBusName": "missing"}
    with pytest.raises(DeploymentError):
        deploy(Queue={**queue(QueueName="first"), "DeletionPolicy": policy}, Broken=broken)
    urls = deployer.cloud.clients("sqs").list_queues().get("QueueUrls", [])
    assert bool(urls) is kept
