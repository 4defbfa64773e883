"""Reads resources back through AWS's APIs and compares them with the template."""

import json

from millrace.local.cloudformation.registry import TYPES
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.services.lambda_.resources import code


def one(answer, name):
    (found,) = answer[name]
    return found


def table(aws, res):
    found = aws.describe_table(TableName=res.name)["Table"]
    live = aws.describe_time_to_live(TableName=res.name)["TimeToLiveDescription"]
    backups = aws.describe_continuous_backups(TableName=res.name)["ContinuousBackupsDescription"]
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


def function(aws, res):
    found = aws.get_function(FunctionName=res.name)
    settings = found["Configuration"]
    return {
        **settings,
        "Layers": [layer["Arn"] for layer in settings.get("Layers", [])],
        "ReservedConcurrentExecutions": found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Code": code(res.properties["Code"]) if settings["CodeSize"] else None,
        "Tags": found.get("Tags"),
    }


def bucket(aws, res):
    name = res.name
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
    "AWS::CloudWatch::Alarm": lambda aws, res: one(aws.describe_alarms(AlarmNames=[res.name]), "MetricAlarms"),
    "AWS::CloudWatch::Dashboard": lambda aws, res: aws.get_dashboard(DashboardName=res.name),
    "AWS::DynamoDB::Table": table,
    "AWS::DynamoDB::GlobalTable": table,
    "AWS::Events::EventBus": lambda aws, res: aws.describe_event_bus(Name=res.name),
    "AWS::Events::Rule": lambda aws, res: {
        **aws.describe_rule(Name=res.name, EventBusName=res.properties.get("EventBusName", "default")),
        **aws.list_targets_by_rule(Rule=res.name, EventBusName=res.properties.get("EventBusName", "default")),
    },
    "AWS::Events::Archive": lambda aws, res: aws.describe_archive(ArchiveName=res.name),
    "AWS::Events::Connection": lambda aws, res: {
        **aws.describe_connection(Name=res.name),
        "AuthParameters": res.properties["AuthParameters"],  # AWS matches no secret
    },
    "AWS::Events::ApiDestination": lambda aws, res: aws.describe_api_destination(Name=res.name),
    "AWS::IAM::Role": lambda aws, res: {
        **aws.get_role(RoleName=res.name)["Role"],
        "ManagedPolicyArns": [
            each["PolicyArn"] for each in aws.list_attached_role_policies(RoleName=res.name)["AttachedPolicies"]
        ],
    },
    "AWS::IAM::ManagedPolicy": lambda aws, res: {
        **aws.get_policy(PolicyArn=res.physical_id)["Policy"],
        "Roles": [each["RoleName"] for each in aws.list_entities_for_policy(PolicyArn=res.physical_id)["PolicyRoles"]],
        "PolicyDocument": aws.get_policy_version(PolicyArn=res.physical_id, VersionId="v1")["PolicyVersion"][
            "Document"
        ],
    },
    "AWS::Kinesis::Stream": lambda aws, res: {
        **(found := aws.describe_stream(StreamName=res.name)["StreamDescription"]),
        "StreamEncryption": found,
        **(summary := aws.describe_stream_summary(StreamName=res.name)["StreamDescriptionSummary"]),
        "ShardCount": summary["OpenShardCount"],
    },
    "AWS::KMS::Key": lambda aws, res: {
        **aws.describe_key(KeyId=res.physical_id)["KeyMetadata"],
        "Policy": aws.get_key_policy(KeyId=res.physical_id, PolicyName="default")["Policy"],
        "EnableKeyRotation": aws.get_key_rotation_status(KeyId=res.physical_id)["KeyRotationEnabled"],
        "Tags": aws.list_resource_tags(KeyId=res.physical_id)["Tags"],
    },
    "AWS::KMS::Alias": lambda aws, res: next(
        each for each in aws.list_aliases()["Aliases"] if each["AliasName"] == res.physical_id
    ),
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": lambda aws, res: {
        **aws.get_layer_version(LayerName=res.name, VersionNumber=int(res.physical_id.rsplit(":", 1)[-1])),
        "Content": res.properties["Content"],
    },
    "AWS::Lambda::Alias": lambda aws, res: aws.get_alias(FunctionName=res.properties["FunctionName"], Name=res.name),
    "AWS::Lambda::Version": lambda aws, res: aws.get_function_configuration(FunctionName=res.physical_id),
    "AWS::Lambda::EventSourceMapping": lambda aws, res: {
        **aws.get_event_source_mapping(UUID=res.physical_id),
        "FunctionName": res.properties["FunctionName"],
    },
    "AWS::Lambda::EventInvokeConfig": lambda aws, res: aws.get_function_event_invoke_config(
        FunctionName=res.properties["FunctionName"]
    ),
    "AWS::Logs::LogGroup": lambda aws, res: one(aws.describe_log_groups(logGroupNamePrefix=res.name), "logGroups"),
    "AWS::Logs::MetricFilter": lambda aws, res: one(
        aws.describe_metric_filters(filterNamePrefix=res.name), "metricFilters"
    ),
    "AWS::Logs::ResourcePolicy": lambda aws, res: one(aws.describe_resource_policies(), "resourcePolicies"),
    "AWS::S3::Bucket": bucket,
    "AWS::SNS::Topic": lambda aws, res: aws.get_topic_attributes(TopicArn=res.physical_id)["Attributes"],
    "AWS::SNS::Subscription": lambda aws, res: aws.get_subscription_attributes(SubscriptionArn=res.physical_id)[
        "Attributes"
    ],
    "AWS::SQS::Queue": lambda aws, res: aws.get_queue_attributes(QueueUrl=res.physical_id, AttributeNames=["All"])[
        "Attributes"
    ],
    "AWS::SSM::Parameter": lambda aws, res: {
        **aws.get_parameter(Name=res.physical_id)["Parameter"],
        **one(aws.describe_parameters(Filters=[{"Key": "Name", "Values": [res.physical_id]}]), "Parameters"),
        "Tags": aws.list_tags_for_resource(ResourceType="Parameter", ResourceId=res.physical_id)["TagList"],
    },
    "AWS::StepFunctions::StateMachine": lambda aws, res: aws.describe_state_machine(stateMachineArn=res.physical_id),
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
