"""What a deployment does, on templates written by hand."""

import json

import pytest

from millrace.local.cloudformation.assembly import AssemblyError
from millrace.local.cloudformation.deployment import DeploymentFailed
from millrace.local.cloudformation.template import CircularDependency

pytest_plugins = ("bare_moto",)


def queue(**properties):
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def rule(target, **properties):
    targets = [{"Id": "one", "Arn": {"Fn::GetAtt": [target, "Arn"]}}]
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {"EventPattern": {"source": ["shop"]}, "Targets": targets, **properties},
    }


@pytest.fixture
def loader(bare, tmp_path):
    return bare.loader(tmp_path / "cache")


@pytest.fixture
def deploy(loader, write):
    """Deploy the resources of one stack, and give what changed, by logical id."""

    def deploy(**resources):
        changes = []
        loader.deploy(write(Shop=resources), changes.append)
        return [(change.action, change.logical_id) for change in changes]

    return deploy


@pytest.fixture
def resources(loader):
    return lambda: loader.deployment.stacks["Shop"].resources


@pytest.fixture
def queues(bare):
    return lambda: [url.rsplit("/", 1)[-1] for url in bare.client("sqs").list_queues().get("QueueUrls", [])]


@pytest.fixture
def attributes(bare):
    def attributes(resource):
        sqs = bare.client("sqs")
        return sqs.get_queue_attributes(QueueUrl=resource.physical_id, AttributeNames=["All"])["Attributes"]

    return attributes


def test_a_resource_comes_after_what_it_refers_to(deploy, resources, bare):
    assert deploy(Rule=rule("Queue"), Queue=queue()) == [("create", "Queue"), ("create", "Rule")]
    (target,) = bare.client("events").list_targets_by_rule(Rule=resources()["Rule"].physical_id)["Targets"]
    assert target["Arn"] == resources()["Queue"].attributes["Arn"]


def test_a_change_tells_of_its_construct_and_its_name(loader, write, resources):
    changes = []
    loader.deploy(write(Shop={"Queue": queue()}), changes.append)
    assert (changes[0].path, changes[0].type) == ("Shop/Queue/Resource", "AWS::SQS::Queue")
    assert changes[0].physical_id == resources()["Queue"].physical_id


def test_a_name_is_the_stack_the_logical_id_and_twelve_characters(deploy, queues):
    deploy(Queue=queue(FifoQueue=True))
    stack, logical_id, tail = queues()[0].removesuffix(".fifo").split("-")
    assert (stack, logical_id, len(tail), queues()[0][-5:]) == ("Shop", "Queue", 12, ".fifo")


def test_a_long_name_is_cut_to_the_limit_of_the_service(deploy, queues):
    deploy(**{"Q" * 90: queue(FifoQueue=True)})
    assert len(queues()[0]) == 80
    assert queues()[0].startswith("Shop-QQQ")


def test_one_seed_gives_one_set_of_names(bare, write, tmp_path, queues):
    found = []
    for _ in range(2):
        bare.reset()
        bare.loader(tmp_path, seed=7).deploy(write(Shop={"A": queue(), "B": queue()}))
        found.append(queues())
    assert found[0] == found[1]


def test_a_second_deployment_of_the_same_makes_no_call(deploy, bare):
    stack = {"Queue": queue(), "Rule": rule("Queue")}
    deploy(**stack)
    bare.calls.clear()
    assert deploy(**stack) == []
    assert bare.calls == []


def test_a_changed_property_is_updated_in_place(deploy, resources, attributes):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(VisibilityTimeout=10))
    before = resources()["Queue"]
    assert deploy(Queue=queue(VisibilityTimeout=20)) == [("update", "Queue")]
    assert resources()["Queue"].physical_id == before.physical_id
    assert attributes(before)["VisibilityTimeout"] == "20"


def test_a_property_that_is_left_out_falls_back_to_its_default(deploy, resources, attributes):
    deploy(Queue=queue(VisibilityTimeout=10, DelaySeconds=5))
    deploy(Queue=queue(DelaySeconds=5))
    found = attributes(resources()["Queue"])
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("30", "5")


def test_a_property_without_a_known_default_cannot_be_left_out(deploy, resources):
    archive = {
        "Type": "AWS::Events::Archive",
        "Properties": {"SourceArn": "arn:aws:events:us-east-1:123456789012:event-bus/default", "EventPattern": {}},
    }
    archive["Properties"]["EventPattern"] = {"source": ["shop"]}
    deploy(Archive=archive)
    del archive["Properties"]["EventPattern"]
    with pytest.raises(DeploymentFailed, match=r"CannotUnset: AWS::Events::Archive\.EventPattern at Archive"):
        deploy(Archive=archive)


def test_an_update_of_a_queue_keeps_its_policy(deploy, resources, attributes):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": document},
    }
    deploy(Queue=queue(VisibilityTimeout=10), Policy=policy)
    deploy(Queue=queue(VisibilityTimeout=20), Policy=policy)
    assert json.loads(attributes(resources()["Queue"])["Policy"]) == document


def test_a_replacement_is_carried_to_its_dependents(deploy, resources, queues, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(QueueName="one"), Rule=rule("Queue"))
    changes = deploy(Queue=queue(QueueName="two"), Rule=rule("Queue"))
    assert changes == [("replace", "Queue"), ("update", "Rule"), ("delete", "Queue")]
    (target,) = bare.client("events").list_targets_by_rule(Rule=resources()["Rule"].physical_id)["Targets"]
    assert (queues(), target["Arn"].rsplit(":", 1)[-1]) == (["two"], "two")


def test_a_replacement_under_a_fixed_name_is_refused_as_on_aws(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Queue=queue(QueueName="orders"))
    with pytest.raises(DeploymentFailed, match="QueueName fixes their name"):
        deploy(Queue=queue(QueueName="orders", FifoQueue=True))
    assert queues() == ["orders"]


def test_a_logical_id_of_another_type_is_a_replacement(deploy, queues):
    deploy(Thing=queue())
    assert deploy(Thing={"Type": "AWS::Logs::LogGroup"}) == [("replace", "Thing"), ("delete", "Thing")]
    assert queues() == []


def test_what_is_gone_from_the_template_is_deleted_last_made_first(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy(Rule=rule("Queue"), Queue=queue(), Stays=queue())
    assert deploy(Stays=queue()) == [("delete", "Rule"), ("delete", "Queue")]
    assert len(queues()) == 1


def test_what_is_to_be_retained_is_left_standing(deploy, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    deploy(Kept={**queue(), "DeletionPolicy": "Retain"}, Other=queue())
    assert deploy(Other=queue()) == [("retain", "Kept")]
    assert len(queues()) == 2


def test_a_stack_that_is_gone_takes_its_resources_along(loader, write, queues):
    loader.deploy(write(One={"Queue": queue()}, Two={"Queue": queue()}))
    loader.deploy(write(Two={"Queue": queue()}))
    assert [name.split("-")[0] for name in queues()] == ["Two"]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::EC2::Instance"}, r"UnknownType: AWS::EC2::Instance at Thing"),
        (queue(Foo=1), r"UnknownProperty: AWS::SQS::Queue\.Foo at Thing"),
        (
            rule("Other", RoleArn={"Fn::GetAtt": ["Other", "Size"]}),
            r"UnknownAttribute: AWS::SQS::Queue\.Size at Thing",
        ),
    ],
)
def test_what_is_not_known_is_refused_by_name_before_anything_is_made(deploy, bare, resource, message):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    Refused: types, properties and attributes that the registry does not know.
    """
    with pytest.raises(DeploymentFailed, match=message):
        deploy(Other=queue(), Thing=resource)
    assert bare.calls == []


def test_an_unknown_property_within_a_property_is_refused_by_its_path(deploy, queues):
    targets = [{"Id": "one", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RetryPolicy": {"Attempts": 3}}]
    with pytest.raises(
        DeploymentFailed, match=r"UnknownProperty: AWS::Events::Rule\.Targets\.RetryPolicy\.Attempts at Rule"
    ):
        deploy(Queue=queue(), Rule=rule("Queue", Targets=targets))
    assert queues() == []


def test_a_failure_names_its_resource_its_construct_and_its_cause(deploy):
    with pytest.raises(DeploymentFailed) as failed:
        deploy(Rule=rule("Queue", EventPattern={"source": ["x"]}, EventBusName="nowhere"), Queue=queue())
    assert str(failed.value).startswith("Shop.Rule (AWS::Events::Rule, Shop/Rule/Resource): ")
    assert "nowhere does not exist" in str(failed.value.cause)


def test_a_failure_takes_back_what_the_deployment_made(deploy, loader, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html"""
    with pytest.raises(DeploymentFailed):
        deploy(Rule=rule("Queue", EventBusName="nowhere"), Queue=queue())
    assert (queues(), loader.deployment.stacks) == ([], {})


def test_a_failure_takes_updates_and_replacements_back(deploy, resources, queues, attributes):
    deploy(A=queue(VisibilityTimeout=10), B=queue(QueueName="one"))
    with pytest.raises(DeploymentFailed):
        deploy(A=queue(VisibilityTimeout=20), B=queue(QueueName="two"), Rule=rule("B", EventBusName="nowhere"))
    assert attributes(resources()["A"])["VisibilityTimeout"] == "10"
    assert [name for name in queues() if not name.startswith("Shop-")] == ["one"]


def test_the_deployment_after_a_failure_goes_on_from_what_stood(deploy):
    deploy(A=queue())
    with pytest.raises(DeploymentFailed):
        deploy(A=queue(), Rule=rule("A", EventBusName="nowhere"))
    assert deploy(A=queue(), Rule=rule("A")) == [("create", "Rule")]


def test_stacks_come_in_the_order_of_their_imports_and_share_their_exports(loader, write, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"""
    export = {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "Zoo:Queue"}}
    imported = rule("Queue", Targets=[{"Id": "one", "Arn": {"Fn::ImportValue": "Zoo:Queue"}}])
    found = loader.deploy(
        write(sections={"Zoo": {"Outputs": {"Out": export}}}, Ape={"Rule": imported}, Zoo={"Queue": queue()})
    )
    (target,) = bare.client("events").list_targets_by_rule(Rule=found.stacks["Ape"].resources["Rule"].physical_id)[
        "Targets"
    ]
    assert list(found.stacks) == ["Zoo", "Ape"]
    assert target["Arn"] == found.exports["Zoo:Queue"] == found.stacks["Zoo"].outputs["Out"]


def test_a_failure_in_one_stack_takes_back_the_stacks_before_it(loader, write, queues):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
    Differs: a run over several stacks is rolled back as a whole.
    """
    broken = {"Queue": queue(), "Rule": rule("Queue", EventBusName="nowhere")}
    with pytest.raises(DeploymentFailed, match=r"Two\.Rule"):
        loader.deploy(write(needs={"Two": ["One"]}, One={"Queue": queue()}, Two=broken))
    assert queues() == []


def test_stacks_that_wait_for_each_other_are_named(loader, write):
    with pytest.raises(CircularDependency, match="One"):
        loader.deploy(write(needs={"Two": ["One"], "One": ["Two"]}, One={"A": queue()}, Two={"A": queue()}))


def test_what_cdk_tells_of_itself_is_no_resource(deploy):
    assert deploy(Meta={"Type": "AWS::CDK::Metadata"}, Queue=queue()) == [("create", "Queue")]


def test_a_resource_or_an_output_whose_condition_fails_is_not_made(loader, write):
    never = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Outputs": {"Out": {"Condition": "Never", "Value": 1}},
    }
    resources = {"Queue": queue(), "Other": {**queue(), "Condition": "Never"}}
    found = loader.deploy(write(sections={"Shop": never}, Shop=resources)).stacks["Shop"]
    assert (list(found.resources), found.outputs) == (["Queue"], {})


def test_a_parameter_takes_its_default_or_what_ssm_holds(loader, write, bare, attributes):
    bare.client("ssm").put_parameter(Name="/delay", Type="String", Value="7")
    parameters = {
        "Delay": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/delay"},
        "Timeout": {"Type": "Number", "Default": 9},
        "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/version"},
    }
    made = {"Queue": queue(DelaySeconds={"Ref": "Delay"}, VisibilityTimeout={"Ref": "Timeout"})}
    shop = loader.deploy(write(sections={"Shop": {"Parameters": parameters}}, Shop=made)).stacks["Shop"]
    found = attributes(shop.resources["Queue"])
    assert (found["DelaySeconds"], found["VisibilityTimeout"]) == ("7", "9")


def test_a_parameter_without_a_default_is_named(loader, write):
    with pytest.raises(DeploymentFailed, match="Shop: the parameter Stage has no default"):
        loader.deploy(write(sections={"Shop": {"Parameters": {"Stage": {"Type": "String"}}}}, Shop={"Queue": queue()}))


def test_a_folder_without_an_assembly_is_named(loader, tmp_path):
    with pytest.raises(AssemblyError, match=r"manifest\.json.*cdk synth"):
        loader.deploy(tmp_path / "nowhere")


def test_an_image_asset_is_refused(loader, write):
    """https://docs.aws.amazon.com/cdk/v2/guide/assets.html
    Refused: images, which need Docker.
    """
    folder = write(Shop={"Queue": queue()})
    (folder / "Shop.assets.json").write_text(json.dumps({"dockerImages": {"abc": {}}}))
    with pytest.raises(AssemblyError, match="abc needs Docker"):
        loader.deploy(folder)


@pytest.fixture
def packaged(write, tmp_path):
    """An assembly with one folder as an asset."""
    code = tmp_path / "cdk.out" / "asset.1"
    code.mkdir(parents=True)
    (code / "handler.py").write_text("def handler(event, context): ...\n")
    place = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "1.zip"}
    asset = {"source": {"path": "asset.1", "packaging": "zip"}, "destinations": {"here": place}}
    return write(files={"1": asset}, Shop={"Queue": queue()})


def test_an_asset_is_put_where_the_template_expects_it(loader, packaged, bare):
    loader.deploy(packaged)
    found = bare.client("s3").get_object(Bucket="assets-123456789012-us-east-1", Key="1.zip")["Body"].read()
    assert found[:2] == b"PK"


def test_a_folder_is_zipped_once_and_always_to_the_same_bytes(loader, packaged, bare, tmp_path):
    loader.deploy(packaged)
    first = tmp_path / "cache" / "1.zip"
    made, content = first.stat().st_mtime_ns, first.read_bytes()
    (packaged / "asset.1" / "handler.py").touch()
    bare.loader(tmp_path / "cache").deploy(packaged)
    bare.loader(tmp_path / "other").deploy(packaged)
    assert first.stat().st_mtime_ns == made
    assert (tmp_path / "other" / "1.zip").read_bytes() == content


def test_destroy_leaves_nothing_but_what_is_to_be_retained(loader, deploy, queues, bare):
    deploy(Kept={**queue(QueueName="kept"), "DeletionPolicy": "Retain"}, Queue=queue(), Rule=rule("Queue"))
    loader.destroy()
    assert (queues(), bare.client("events").list_rules()["Rules"]) == (["kept"], [])
    assert loader.deployment.stacks == {}


def test_destroy_can_take_away_even_what_is_retained(loader, packaged, queues, bare):
    loader.deploy(packaged)
    loader.destroy(retained=True)
    assert (queues(), bare.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_what_someone_else_deleted_can_be_destroyed(loader, deploy, resources, bare):
    deploy(Queue=queue())
    bare.client("sqs").delete_queue(QueueUrl=resources()["Queue"].physical_id)
    loader.destroy()
    assert loader.deployment.stacks == {}


# -- accounts and regions --------------------------------------------------------------------------------------------


def test_a_stack_that_is_for_another_account_is_anothers(bare, tmp_path, write):
    loader, elsewhere = bare.loader(tmp_path, home=("111122223333", "eu-west-1")), "aws://111122223333/eu-west-1"
    here, there = "aws://123456789012/us-east-1", {"Theirs": {"Queue": queue()}, "Unnamed": {"Queue": queue()}}
    loader.deploy(write(places={"Ours": here, "Theirs": elsewhere}, Ours={"Queue": queue()}, **there))
    assert list(loader.deployment.stacks) == ["Ours"]


def test_what_the_local_cloud_has_at_home_alone_is_refused_elsewhere_by_name(bare, tmp_path, write):
    loader = bare.loader(tmp_path, home=("111122223333", "eu-west-1"))
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}}
    folder = write(places={"Ours": "aws://123456789012/us-east-1"}, Ours={"Queue": queue(), "Api": api})
    with pytest.raises(DeploymentFailed, match="supports it only in 111122223333 in eu-west-1, not in 123456789012"):
        loader.deploy(folder)
    assert bare.client("sqs").list_queues().get("QueueUrls", []) == []
