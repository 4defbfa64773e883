"""Updates of each resource type: deploy twice and read the resource back."""

import json

import pytest
from read_back import missing_properties

from millrace.local.cloudformation.registry import TYPES

pytest_plugins = ("bare_moto",)

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
READ_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
FUNCTION = {
    "Code": {"ZipFile": "def handler(event, context): ..."},
    "Handler": "index.handler",
    "Runtime": "python3.13",
    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
}
KEYS = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
INDEX = {
    "IndexName": "by_id",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
MACHINE = {
    "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
    "Definition": {"StartAt": "A", "States": {"A": {"Type": "Pass"}}},
}
PATTERN = {"EventPattern": {"source": ["shop"]}}
QUEUE = {"Fn::GetAtt": ["Queue", "Arn"]}
ALARM = {"MetricName": "m", "Namespace": "n", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
SHOP = {"Key": "shop", "Value": "one"}
MILL = {"Key": "mill", "Value": "two"}
LOGGED = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "logged"}}
FILTER = {"LogGroupName": {"Ref": "Logged"}, "FilterPattern": "A"}
METRIC = [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}]
DESTINATION = {"ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]}, "HttpMethod": "GET"}

CASES = [
    ("AWS::SQS::Queue", {"DelaySeconds": 1, "Tags": [SHOP]}, {"VisibilityTimeout": 9, "Tags": [MILL]}),
    ("AWS::Events::Rule", {**PATTERN, "Tags": [SHOP]}, {"EventPattern": {"source": ["x"]}, "State": "DISABLED"}),
    (
        "AWS::Events::Rule",
        {**PATTERN, "Targets": [{"Id": "a", "Arn": QUEUE}, {"Id": "b", "Arn": QUEUE}]},
        {**PATTERN, "Targets": [{"Id": "b", "Arn": QUEUE, "InputPath": "$.detail"}]},
    ),
    ("AWS::Events::EventBus", {"Name": "a", "Tags": [SHOP]}, {"Name": "a", "Tags": [MILL]}),
    ("AWS::IAM::Role", ROLE["Properties"], {**ROLE["Properties"], "Description": "x", "MaxSessionDuration": 7200}),
    (
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": READ_POLICY, "Roles": [{"Ref": "Role"}]},
        {"PolicyDocument": READ_POLICY},
    ),
    ("AWS::Lambda::Function", FUNCTION, {**FUNCTION, "Timeout": 9, "Environment": {"Variables": {"A": "1"}}}),
    ("AWS::Lambda::Function", {**FUNCTION, "ReservedConcurrentExecutions": 3}, {**FUNCTION, "MemorySize": 512}),
    ("AWS::Logs::LogGroup", {"RetentionInDays": 7, "Tags": [SHOP]}, {"RetentionInDays": 30, "Tags": [MILL]}),
    ("AWS::Logs::LogGroup", {"RetentionInDays": 7}, {}),
    (
        "AWS::Logs::MetricFilter",
        {**FILTER, "MetricTransformations": METRIC},
        {**FILTER, "FilterPattern": "B", "MetricTransformations": METRIC},
    ),
    ("AWS::DynamoDB::Table", KEYS, {**KEYS, "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}),
    ("AWS::DynamoDB::Table", KEYS, {**KEYS, "GlobalSecondaryIndexes": [INDEX], "Tags": [SHOP]}),
    ("AWS::DynamoDB::Table", {**KEYS, "GlobalSecondaryIndexes": [INDEX]}, KEYS),
    ("AWS::DynamoDB::Table", KEYS, {**KEYS, "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": True}}),
    (
        "AWS::DynamoDB::Table",
        {**KEYS, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        {**KEYS, "DeletionProtectionEnabled": "false"},
    ),
    (
        "AWS::StepFunctions::StateMachine",
        MACHINE,
        {**MACHINE, "TracingConfiguration": {"Enabled": True}, "Tags": [SHOP]},
    ),
    (
        "AWS::CloudWatch::Alarm",
        {**ALARM, "Period": 60, "Statistic": "Sum", "Threshold": 1},
        {**ALARM, "Period": 60, "Statistic": "Sum", "Threshold": 2},
    ),
    ("AWS::CloudWatch::Dashboard", {"DashboardBody": '{"a":1}'}, {"DashboardBody": '{"a":2}'}),
    (
        "AWS::KMS::Key",
        {"EnableKeyRotation": True, "KeyPolicy": READ_POLICY, "Tags": [SHOP]},
        {"KeyPolicy": TRUST, "Tags": [MILL], "Description": "x"},
    ),
    ("AWS::SNS::Topic", {"DisplayName": "a", "Tags": [SHOP]}, {"DisplayName": "b", "Tags": [MILL]}),
    ("AWS::Kinesis::Stream", {"ShardCount": 1, "RetentionPeriodHours": 48}, {"ShardCount": 2, "Tags": [SHOP]}),
    ("AWS::SSM::Parameter", {"Type": "String", "Value": "a", "Tags": {"a": "b"}}, {"Type": "String", "Value": "b"}),
    (
        "AWS::Events::Archive",
        {"SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": 1},
        {"SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": 2},
    ),
    (
        "AWS::Events::ApiDestination",
        {**DESTINATION, "InvocationEndpoint": "https://a.example"},
        {**DESTINATION, "InvocationEndpoint": "https://b.example"},
    ),
]
OTHER_RESOURCES = {
    "Role": ROLE,
    "Logged": LOGGED,
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "others"}},
    "Connection": {
        "Type": "AWS::Events::Connection",
        "Properties": {
            "AuthorizationType": "API_KEY",
            "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "a", "ApiKeyValue": "b"}},
        },
    },
}


@pytest.fixture
def deploy(bare, tmp_path, write_assembly):
    """Deploy and return resources."""
    deployer = bare.deployer(tmp_path / "cache")
    return lambda **resources: deployer.deploy(write_assembly(Shop=resources)).stacks["Shop"].resources


@pytest.fixture
def deploy_one(deploy):
    """Deploy one resource together with others that it can refer to."""
    return lambda kind, properties: deploy(**OTHER_RESOURCES, It={"Type": kind, "Properties": properties})["It"]


@pytest.mark.parametrize(("kind", "before", "after"), CASES, ids=[case[0] for case in CASES])
def test_update_in_place_is_visible_in_the_api(bare, deploy_one, kind, before, after):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    created = deploy_one(kind, before)
    updated = deploy_one(kind, after)
    assert updated.physical_id == created.physical_id
    assert [name for name in missing_properties(bare, updated) if name not in TYPES[kind].not_in_moto] == []


def test_update_turns_off_a_removed_switch(bare, deploy_one):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    deploy_one("AWS::KMS::Key", {"EnableKeyRotation": True})
    key = deploy_one("AWS::KMS::Key", {"Description": "x"})
    assert not bare.client("kms").get_key_rotation_status(KeyId=key.physical_id)["KeyRotationEnabled"]


def test_update_removes_a_target_of_a_rule(bare, deploy_one):
    targets = [{"Id": name, "Arn": QUEUE} for name in "ab"]
    deploy_one("AWS::Events::Rule", {**PATTERN, "Targets": targets})
    rule = deploy_one("AWS::Events::Rule", {**PATTERN, "Targets": targets[1:]})
    found = bare.client("events").list_targets_by_rule(Rule=rule.name)["Targets"]
    assert [target["Id"] for target in found] == ["b"]


def test_update_removes_tags(bare, deploy_one):
    deploy_one("AWS::SQS::Queue", {"Tags": [SHOP, MILL]})
    queue = deploy_one("AWS::SQS::Queue", {"Tags": [MILL]})
    assert bare.client("sqs").list_queue_tags(QueueUrl=queue.physical_id)["Tags"] == {"mill": "two"}


def test_update_of_code_changes_the_code(bare, deploy_one):
    before = deploy_one("AWS::Lambda::Function", FUNCTION)
    lambda_ = bare.client("lambda")
    first = lambda_.get_function_configuration(FunctionName=before.name)["CodeSha256"]
    deploy_one("AWS::Lambda::Function", {**FUNCTION, "Code": {"ZipFile": "def handler(event, context): return 1"}})
    assert lambda_.get_function_configuration(FunctionName=before.name)["CodeSha256"] != first


def test_update_of_an_event_invoke_config_replaces_it(bare, deploy):
    function = {"Type": "AWS::Lambda::Function", "Properties": FUNCTION}

    def config(attempts):
        properties = {"FunctionName": {"Ref": "Function"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": attempts}
        return {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": properties}

    for attempts in (0, 1):
        found = deploy(Role=ROLE, Function=function, Config=config(attempts))
    name = found["Function"].name
    assert bare.client("lambda").get_function_event_invoke_config(FunctionName=name)["MaximumRetryAttempts"] == 1


def test_update_of_an_event_source_mapping_keeps_its_id(bare, deploy):
    function = {"Type": "AWS::Lambda::Function", "Properties": FUNCTION}

    def mapping(**settings):
        properties = {"FunctionName": {"Ref": "Function"}, "EventSourceArn": QUEUE, **settings}
        return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}

    others = {"Role": ROLE, "Function": function, "Queue": {"Type": "AWS::SQS::Queue"}}
    before = deploy(**others, Mapping=mapping(BatchSize=5, ScalingConfig={"MaximumConcurrency": 2}))["Mapping"]
    after = deploy(**others, Mapping=mapping(BatchSize=7, Enabled=False))["Mapping"]
    found = bare.client("lambda").get_event_source_mapping(UUID=after.physical_id)
    assert after.physical_id == before.physical_id
    assert (found["BatchSize"], found["State"], found["ScalingConfig"]) == (7, "Disabled", {})


def test_update_that_enables_a_stream_returns_its_arn(deploy):
    table = {"Type": "AWS::DynamoDB::Table", "Properties": KEYS}
    streamed = {**KEYS, "StreamSpecification": {"StreamViewType": "NEW_IMAGE"}}
    named = {"Type": "String", "Value": {"Fn::GetAtt": ["Table", "StreamArn"]}}
    deploy(Table=table)
    found = deploy(Table={**table, "Properties": streamed}, Arn={"Type": "AWS::SSM::Parameter", "Properties": named})
    assert found["Arn"].properties["Value"] == found["Table"].attributes["StreamArn"]


def test_update_of_a_managed_policy_leaves_one_version(bare, deploy_one):
    deploy_one("AWS::IAM::ManagedPolicy", {"PolicyDocument": READ_POLICY})
    policy = deploy_one("AWS::IAM::ManagedPolicy", {"PolicyDocument": {**READ_POLICY, "Id": "second"}})
    (version,) = bare.client("iam").list_policy_versions(PolicyArn=policy.physical_id)["Versions"]
    found = bare.client("iam").get_policy_version(PolicyArn=policy.physical_id, VersionId=version["VersionId"])
    assert found["PolicyVersion"]["Document"]["Id"] == "second"


def test_bus_policy_keeps_statements_of_the_same_principal(bare, deploy):
    def statement(name):
        properties = {
            "EventBusName": {"Ref": "Bus"},
            "StatementId": name,
            "Principal": "*",
            "Action": "events:PutEvents",
        }
        return {"Type": "AWS::Events::EventBusPolicy", "Properties": properties}

    def found():
        policy = bare.client("events").describe_event_bus(Name="others").get("Policy", '{"Statement": []}')
        return sorted(each["Sid"] for each in json.loads(policy)["Statement"])

    deploy(Bus=OTHER_RESOURCES["Bus"], One=statement("one"), Two=statement("two"))
    both = found()
    deploy(Bus=OTHER_RESOURCES["Bus"], Two=statement("two"))
    assert (both, found()) == (["one", "two"], ["two"])
