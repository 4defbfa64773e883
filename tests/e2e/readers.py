"""For each type of the registry, what AWS's APIs show of a resource: by the API's own names, or the template's."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from read_back import READ, arguments, matches, tags

__all__ = ["READERS", "arguments", "matches", "tags"]


def statement(policy, sid):
    return next(each for each in json.loads(policy)["Statement"] if each["Sid"] == sid)


def inline_policy(aws, at):
    role = at.properties["Roles"][0]
    found = aws.get_role_policy(RoleName=role, PolicyName=at.properties["PolicyName"])
    return {**found, "Roles": at.properties["Roles"] if _all_hold(aws, at) else []}


def _all_hold(aws, at):
    name = at.properties["PolicyName"]
    return all(name in aws.list_role_policies(RoleName=role)["PolicyNames"] for role in at.properties["Roles"])


def queue_policy(aws, at):
    queues = at.properties["Queues"]
    found = [aws.get_queue_attributes(QueueUrl=each, AttributeNames=["Policy"])["Attributes"] for each in queues]
    return {
        "PolicyDocument": found[0]["Policy"],
        "Queues": [url for url, each in zip(queues, found, strict=True) if each],
    }


def topic_policy(aws, at):
    topics = at.properties["Topics"]
    found = [aws.get_topic_attributes(TopicArn=each)["Attributes"]["Policy"] for each in topics]
    return {"PolicyDocument": found[0], "Topics": topics if len(set(found)) == 1 else []}


def bus_policy(aws, at):
    bus = aws.describe_event_bus(Name=at.properties["EventBusName"])
    found = statement(bus["Policy"], at.physical_id)
    return {"Statement": found, "StatementId": found["Sid"], "EventBusName": bus["Name"], **found}


def permission(aws, at):
    name = at.properties["FunctionName"]
    found = statement(aws.get_policy(FunctionName=name)["Policy"], at.physical_id)
    source = found.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
    who = found["Principal"]
    return {
        "Action": found["Action"],
        "Principal": who if isinstance(who, str) else who["Service"],
        "SourceArn": source,
        "FunctionName": name if name in (found["Resource"], found["Resource"].rpartition(":")[2]) else None,
    }


def repository(aws, at):
    (found,) = aws.describe_repositories(repositoryNames=[at.name])["repositories"]
    return {
        **found,
        "lifecyclePolicyText": aws.get_lifecycle_policy(repositoryName=at.name)["lifecyclePolicyText"],
        "policyText": aws.get_repository_policy(repositoryName=at.name)["policyText"],
    }


def role(aws, at):
    names = aws.list_role_policies(RoleName=at.name)["PolicyNames"]
    return {
        **READ["AWS::IAM::Role"](aws, at),
        "Policies": [aws.get_role_policy(RoleName=at.name, PolicyName=name) for name in names],
    }


def bucket(aws, at):
    """Of a bucket only what the template sets can be asked for: the rest is an error."""
    reads = {
        "BucketEncryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
        "PublicAccessBlockConfiguration": ("get_public_access_block", "PublicAccessBlockConfiguration"),
        "VersioningConfiguration": ("get_bucket_versioning", "VersioningConfiguration"),
        "LifecycleConfiguration": ("get_bucket_lifecycle_configuration", "LifecycleConfiguration"),
        "CorsConfiguration": ("get_bucket_cors", "CORSConfiguration"),
        "OwnershipControls": ("get_bucket_ownership_controls", "OwnershipControls"),
        "Tags": ("get_bucket_tagging", "TagSet"),
        "NotificationConfiguration": ("get_bucket_notification_configuration", "NotificationConfiguration"),
    }
    found = {"BucketName": at.physical_id, "Bucket": at.physical_id}
    for name in at.properties.keys() & reads.keys():
        operation, key = reads[name]
        answer = getattr(aws, operation)(Bucket=at.physical_id)
        found[key] = answer.get(key, answer)
    grants = aws.get_bucket_acl(Bucket=at.physical_id)["Grants"]
    return {**found, "ACL": "private" if [each["Permission"] for each in grants] == ["FULL_CONTROL"] else grants}


def named_function(found, arn, part):
    """The function's name, where the API shows it within an ARN only."""
    return {**found, "FunctionName": found[arn].split(":")[part]}


def composite(aws, at):
    found = aws.describe_alarms(AlarmNames=[at.name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return found[0] if found else {}


def api_part(operation, key):
    """What an API's operation shows of one of its parts, which answers for itself alone."""
    return lambda aws, at: {
        **getattr(aws, operation)(ApiId=at.properties["ApiId"], **{key: at.physical_id}),
        "ApiId": at.properties["ApiId"],
    }


def schedule(aws, at):
    return aws.get_schedule(Name=at.name, GroupName=at.properties.get("GroupName", "default"))


def secret(aws, at):
    found = aws.describe_secret(SecretId=at.physical_id)
    drawn = {name: at.properties[name] for name in ("GenerateSecretString",) if name in at.properties}  # never shown
    return {**found, **drawn, "SecretString": aws.get_secret_value(SecretId=at.physical_id)["SecretString"]}


READERS = {
    **READ,
    "AWS::ApiGatewayV2::Api": lambda aws, at: aws.get_api(ApiId=at.physical_id),
    "AWS::ApiGatewayV2::Authorizer": api_part("get_authorizer", "AuthorizerId"),
    "AWS::ApiGatewayV2::Integration": api_part("get_integration", "IntegrationId"),
    "AWS::ApiGatewayV2::Route": api_part("get_route", "RouteId"),
    "AWS::ApiGatewayV2::Stage": api_part("get_stage", "StageName"),
    "AWS::CloudWatch::CompositeAlarm": composite,
    "AWS::ECR::Repository": repository,
    "AWS::EventSchemas::Registry": lambda aws, at: aws.describe_registry(RegistryName=at.name),
    "AWS::EventSchemas::Schema": lambda aws, at: {
        **aws.describe_schema(RegistryName=at.properties["RegistryName"], SchemaName=at.properties["SchemaName"]),
        "RegistryName": at.properties["RegistryName"],  # AWS shows it in the ARN
    },
    "AWS::EventSchemas::RegistryPolicy": lambda aws, at: aws.get_resource_policy(
        RegistryName=at.properties["RegistryName"]
    ),
    "AWS::Events::Connection": lambda aws, at: aws.describe_connection(Name=at.name),
    "AWS::Events::EventBusPolicy": bus_policy,
    "AWS::IAM::Policy": inline_policy,
    "AWS::IAM::Role": role,
    "AWS::Lambda::Alias": lambda aws, at: named_function(READ[at.type](aws, at), "AliasArn", -2),
    "AWS::Lambda::EventInvokeConfig": lambda aws, at: named_function(READ[at.type](aws, at), "FunctionArn", 6),
    "AWS::Lambda::EventSourceMapping": lambda aws, at: named_function(READ[at.type](aws, at), "FunctionArn", 6),
    "AWS::Lambda::Permission": permission,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": lambda aws, at: {**aws.get_bucket_policy(Bucket=at.physical_id), "Bucket": at.physical_id},
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": lambda aws, at: aws.get_schedule_group(Name=at.name),
    "AWS::SecretsManager::ResourcePolicy": lambda aws, at: aws.get_resource_policy(SecretId=at.properties["SecretId"]),
    "AWS::SecretsManager::Secret": secret,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}
