"""Reads resources back through AWS's APIs and compares them with the template."""

import json

from millrace.local.cloudformation.registry import TYPES
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.services.lambda_.resources import code


def one(answer, name):
    (found,) = answer[name]
    return found


def table(aws, at):
    found = aws.describe_table(TableName=at.name)["Table"]
    live = aws.describe_time_to_live(TableName=at.name)["TimeToLiveDescription"]
    backups = aws.describe_continuous_backups(TableName=at.name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    key = found.get("SSEDescription", {})
    return {
        **found,
        "BillingMode": found["BillingModeSummary"]["BillingMode"],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery},
        "SSESpecification": {
            "Enabled": key.get("Status") == "ENABLED",
            "SSEType": key.get("SSEType"),
            "KMSMasterKeyId": key.get("KMSMasterKeyArn"),
        },
        "TimeToLiveSpecification": {**live, "Enabled": live["TimeToLiveStatus"] == "ENABLED"},
        "Tags": aws.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
    }


def function(aws, at):
    found = aws.get_function(FunctionName=at.name)
    settings = found["Configuration"]
    return {
        **settings,
        "Layers": [layer["Arn"] for layer in settings.get("Layers", [])],
        "ReservedConcurrentExecutions": found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Code": code(at.properties["Code"]) if settings["CodeSize"] else None,
        "Tags": found.get("Tags"),
    }


def bucket(aws, at):
    name = at.name
    return {
        "ServerSideEncryptionConfiguration": aws.get_bucket_encryption(Bucket=name)[
            "ServerSideEncryptionConfiguration"
        ],
        "VersioningConfiguration": aws.get_bucket_versioning(Bucket=name),
        "PublicAccessBlockConfiguration": aws.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        "LifecycleConfiguration": aws.get_bucket_lifecycle_configuration(Bucket=name),
        "CORSConfiguration": aws.get_bucket_cors(Bucket=name),
        "TagSet": aws.get_bucket_tagging(Bucket=name)["TagSet"],
    }


READ = {
    "AWS::CloudWatch::Alarm": lambda aws, at: one(aws.describe_alarms(AlarmNames=[at.name]), "MetricAlarms"),
    "AWS::CloudWatch::Dashboard": lambda aws, at: aws.get_dashboard(DashboardName=at.name),
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::Events::EventBus": lambda aws, at: aws.describe_event_bus(Name=at.name),
    "AWS::Events::Rule": lambda aws, at: {
        **aws.describe_rule(Name=at.name, EventBusName=at.properties.get("EventBusName", "default")),
        **aws.list_targets_by_rule(Rule=at.name, EventBusName=at.properties.get("EventBusName", "default")),
    },
    "AWS::Events::Archive": lambda aws, at: aws.describe_archive(ArchiveName=at.name),
    "AWS::Events::Connection": lambda aws, at: {
        **aws.describe_connection(Name=at.name),
        "AuthParameters": at.properties["AuthParameters"],  # AWS matches no secret
    },
    "AWS::Events::ApiDestination": lambda aws, at: aws.describe_api_destination(Name=at.name),
    "AWS::IAM::Role": lambda aws, at: {
        **aws.get_role(RoleName=at.name)["Role"],
        "ManagedPolicyArns": [
            each["PolicyArn"] for each in aws.list_attached_role_policies(RoleName=at.name)["AttachedPolicies"]
        ],
    },
    "AWS::IAM::ManagedPolicy": lambda aws, at: {
        **aws.get_policy(PolicyArn=at.physical_id)["Policy"],
        "Roles": [each["RoleName"] for each in aws.list_entities_for_policy(PolicyArn=at.physical_id)["PolicyRoles"]],
        "PolicyDocument": aws.get_policy_version(PolicyArn=at.physical_id, VersionId="v1")["PolicyVersion"]["Document"],
    },
    "AWS::Kinesis::Stream": lambda aws, at: {
        **(found := aws.describe_stream(StreamName=at.name)["StreamDescription"]),
        "StreamEncryption": found,
        "ShardCount": aws.describe_stream_summary(StreamName=at.name)["StreamDescriptionSummary"]["OpenShardCount"],
    },
    "AWS::KMS::Key": lambda aws, at: {
        **aws.describe_key(KeyId=at.physical_id)["KeyMetadata"],
        "Policy": aws.get_key_policy(KeyId=at.physical_id, PolicyName="default")["Policy"],
        "EnableKeyRotation": aws.get_key_rotation_status(KeyId=at.physical_id)["KeyRotationEnabled"],
        "Tags": aws.list_resource_tags(KeyId=at.physical_id)["Tags"],
    },
    "AWS::KMS::Alias": lambda aws, at: next(
        each for each in aws.list_aliases()["Aliases"] if each["AliasName"] == at.physical_id
    ),
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": lambda aws, at: {
        **aws.get_layer_version(LayerName=at.name, VersionNumber=int(at.physical_id.rsplit(":", 1)[-1])),
        "Content": at.properties["Content"],
    },
    "AWS::Lambda::Alias": lambda aws, at: aws.get_alias(FunctionName=at.properties["FunctionName"], Name=at.name),
    "AWS::Lambda::Version": lambda aws, at: aws.get_function_configuration(FunctionName=at.physical_id),
    "AWS::Lambda::EventSourceMapping": lambda aws, at: {
        **aws.get_event_source_mapping(UUID=at.physical_id),
        "FunctionName": at.properties["FunctionName"],
    },
    "AWS::Lambda::EventInvokeConfig": lambda aws, at: aws.get_function_event_invoke_config(
        FunctionName=at.properties["FunctionName"]
    ),
    "AWS::Logs::LogGroup": lambda aws, at: one(aws.describe_log_groups(logGroupNamePrefix=at.name), "logGroups"),
    "AWS::Logs::MetricFilter": lambda aws, at: one(
        aws.describe_metric_filters(filterNamePrefix=at.name), "metricFilters"
    ),
    "AWS::Logs::ResourcePolicy": lambda aws, at: one(aws.describe_resource_policies(), "resourcePolicies"),
    "AWS::S3::Bucket": bucket,
    "AWS::SNS::Topic": lambda aws, at: aws.get_topic_attributes(TopicArn=at.physical_id)["Attributes"],
    "AWS::SNS::Subscription": lambda aws, at: aws.get_subscription_attributes(SubscriptionArn=at.physical_id)[
        "Attributes"
    ],
    "AWS::SQS::Queue": lambda aws, at: aws.get_queue_attributes(QueueUrl=at.physical_id, AttributeNames=["All"])[
        "Attributes"
    ],
    "AWS::SSM::Parameter": lambda aws, at: {
        **aws.get_parameter(Name=at.physical_id)["Parameter"],
        "Tags": aws.list_tags_for_resource(ResourceType="Parameter", ResourceId=at.physical_id)["TagList"],
    },
    "AWS::StepFunctions::StateMachine": lambda aws, at: aws.describe_state_machine(stateMachineArn=at.physical_id),
}


def tags(bare, resource):
    """The tags, where a service answers with them elsewhere."""
    reads = {
        "AWS::CloudWatch::Alarm": ("list_tags_for_resource", "ResourceARN", "Tags"),
        "AWS::Events::EventBus": ("list_tags_for_resource", "ResourceARN", "Tags"),
        "AWS::Events::Rule": ("list_tags_for_resource", "ResourceARN", "Tags"),
        "AWS::SNS::Topic": ("list_tags_for_resource", "ResourceArn", "Tags"),
        "AWS::SQS::Queue": ("list_queue_tags", "QueueUrl", "Tags"),
        "AWS::Kinesis::Stream": ("list_tags_for_stream", "StreamName", "Tags"),
        "AWS::StepFunctions::StateMachine": ("list_tags_for_resource", "resourceArn", "tags"),
        "AWS::Logs::LogGroup": ("list_tags_for_resource", "resourceArn", "tags"),
    }
    if resource.type not in reads:
        return {}
    operation, argument, answer = reads[resource.type]
    by_arn = resource.attributes.get("Arn", resource.physical_id).removesuffix(":*")
    who = {"QueueUrl": resource.physical_id, "StreamName": resource.name}.get(argument, by_arn)
    return {"Tags": getattr(bare.client(TYPES[resource.type].service), operation)(**{argument: who})[answer]}


def arguments(declared):
    found = dict(declared.create.arguments) if declared.create else {}
    for step in declared.steps:
        if isinstance(step, Setting):
            found = {**step.put.arguments, **found}
    return found


def missing_properties(bare, resource):
    """Return the properties of a resource that AWS's API does not return as the template has them."""
    declared = TYPES[resource.type]
    found = READ[resource.type](bare.client(declared.service), resource)
    found = {key.lower(): value for key, value in {**found, **tags(bare, resource)}.items()}
    passed = arguments(declared)
    missing = []
    for name, value in declared.reshape(resource.properties).items():
        argument = passed.get(name)
        member = ((argument.path.rsplit(".", 1)[-1] if argument else "") or name).lower()
        expected = argument.convert(value) if argument and argument.convert else value
        hidden = name in declared.immutable and member not in found
        if not hidden and not matches(found.get(member), expected):
            missing.append(name)
    return missing


def matches(found, expected):
    """Return whether a value matches, ignoring the case of keys and the form of numbers and documents."""
    if isinstance(found, str) and isinstance(expected, dict | list) and found[:1] in ("{", "["):
        found = json.loads(found)
    if isinstance(expected, list) and isinstance(found, dict):
        expected = {pair["Key"]: pair["Value"] for pair in expected}
    if isinstance(found, list) and isinstance(expected, dict):
        expected = [{"Key": key, "Value": value} for key, value in expected.items()]
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return False
        found = {key.lower(): value for key, value in found.items()}
        return all(matches(found.get(key.lower()), value) for key, value in expected.items())
    if isinstance(expected, list):
        found = found if isinstance(found, list) else [found]
        return all(any(matches(each, wanted) for each in found) for wanted in expected)
    if isinstance(found, bool) or isinstance(expected, bool):
        return str(found).lower() == str(expected).lower()
    if isinstance(found, int | float):
        return found == float(expected)
    return str(found) == str(expected) or str(expected).endswith(f":key/{found}")
