"""Reads a resource of each type through AWS's APIs, with the API's member names or the template's."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))
from read_back import READ, arguments, matches, tags

__all__ = ["READERS", "arguments", "matches", "tags"]


def find_statement(policy, sid):
    return next(each for each in json.loads(policy)["Statement"] if each["Sid"] == sid)


def inline_policy(aws, res):
    role = res.properties["Roles"][0]
    found = aws.get_role_policy(RoleName=role, PolicyName=res.properties["PolicyName"])
    return {**found, "Roles": res.properties["Roles"] if _all_roles_have_policy(aws, res) else []}


def _all_roles_have_policy(aws, res):
    name = res.properties["PolicyName"]
    return all(name in aws.list_role_policies(RoleName=role)["PolicyNames"] for role in res.properties["Roles"])


def queue_policy(aws, res):
    queues = res.properties["Queues"]
    found = [aws.get_queue_attributes(QueueUrl=each, AttributeNames=["Policy"])["Attributes"] for each in queues]
    return {
        "PolicyDocument": found[0]["Policy"],
        "Queues": [url for url, each in zip(queues, found, strict=True) if each],
    }


def topic_policy(aws, res):
    topics = res.properties["Topics"]
    found = [aws.get_topic_attributes(TopicArn=each)["Attributes"]["Policy"] for each in topics]
    return {"PolicyDocument": found[0], "Topics": topics if len(set(found)) == 1 else []}


def bus_policy(aws, res):
    bus = aws.describe_event_bus(Name=res.properties["EventBusName"])
    found = find_statement(bus["Policy"], res.physical_id)
    return {"Statement": found, "StatementId": found["Sid"], "EventBusName": bus["Name"], **found}


def permission(aws, res):
    name = res.properties["FunctionName"]
    found = find_statement(aws.get_policy(FunctionName=name)["Policy"], res.physical_id)
    source = found.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn")
    principal = found["Principal"]
    return {
        "Action": found["Action"],
        "Principal": principal if isinstance(principal, str) else principal["Service"],
        "SourceArn": source,
        "FunctionName": name if name in (found["Resource"], found["Resource"].rpartition(":")[2]) else None,
    }


def repository(aws, res):
    (found,) = aws.describe_repositories(repositoryNames=[res.name])["repositories"]
    return {
        **found,
        "lifecyclePolicyText": aws.get_lifecycle_policy(repositoryName=res.name)["lifecyclePolicyText"],
        "policyText": aws.get_repository_policy(repositoryName=res.name)["policyText"],
    }


def role(aws, res):
    names = aws.list_role_policies(RoleName=res.name)["PolicyNames"]
    return {
        **READ["AWS::IAM::Role"](aws, res),
        "Policies": [aws.get_role_policy(RoleName=res.name, PolicyName=name) for name in names],
    }


def bucket(aws, res):
    """Read only what the template sets, because reading other settings of a bucket is an error."""
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
    found = {"BucketName": res.physical_id, "Bucket": res.physical_id}
    for name in res.properties.keys() & reads.keys():
        operation, key = reads[name]
        response = getattr(aws, operation)(Bucket=res.physical_id)
        found[key] = response.get(key, response)
    grants = aws.get_bucket_acl(Bucket=res.physical_id)["Grants"]
    return {**found, "ACL": "private" if [each["Permission"] for each in grants] == ["FULL_CONTROL"] else grants}


def named_function(found, arn, part):
    """Add the function's name from an ARN."""
    return {**found, "FunctionName": found[arn].split(":")[part]}


def composite(aws, res):
    found = aws.describe_alarms(AlarmNames=[res.name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return found[0] if found else {}


def api_part(operation, key):
    """Return a reader of a part of an API."""
    return lambda aws, res: {
        **getattr(aws, operation)(ApiId=res.properties["ApiId"], **{key: res.physical_id}),
        "ApiId": res.properties["ApiId"],
    }


def schedule(aws, res):
    return aws.get_schedule(Name=res.name, GroupName=res.properties.get("GroupName", "default"))


def secret(aws, res):
    found = aws.describe_secret(SecretId=res.physical_id)
    generated = {
        name: res.properties[name] for name in ("GenerateSecretString",) if name in res.properties
    }  # AWS does not return it
    return {**found, **generated, "SecretString": aws.get_secret_value(SecretId=res.physical_id)["SecretString"]}


def function(aws, res):
    """Read a function. moto alone has no configuration of recursion, so the tests on bare moto do not read it."""
    recursion = aws.get_function_recursion_config(FunctionName=res.name)
    return {**READ[res.type](aws, res), "RecursiveLoop": recursion["RecursiveLoop"]}


def topic_rule(aws, res):
    """Read a topic rule of IoT Core, whose answer has the members of the template's payload."""
    found = aws.get_topic_rule(ruleName=res.physical_id)["rule"]
    return {**found, "TopicRulePayload": found}


READERS = {
    **READ,
    "AWS::ApiGatewayV2::Api": lambda aws, res: aws.get_api(ApiId=res.physical_id),
    "AWS::ApiGatewayV2::Authorizer": api_part("get_authorizer", "AuthorizerId"),
    "AWS::ApiGatewayV2::Integration": api_part("get_integration", "IntegrationId"),
    "AWS::ApiGatewayV2::Route": api_part("get_route", "RouteId"),
    "AWS::ApiGatewayV2::Stage": api_part("get_stage", "StageName"),
    "AWS::CloudWatch::CompositeAlarm": composite,
    "AWS::ECR::Repository": repository,
    "AWS::Lambda::Function": function,
    "AWS::EventSchemas::Registry": lambda aws, res: aws.describe_registry(RegistryName=res.name),
    "AWS::EventSchemas::Schema": lambda aws, res: {
        **aws.describe_schema(RegistryName=res.properties["RegistryName"], SchemaName=res.properties["SchemaName"]),
        "RegistryName": res.properties["RegistryName"],  # AWS returns it in the ARN
    },
    "AWS::EventSchemas::RegistryPolicy": lambda aws, res: aws.get_resource_policy(
        RegistryName=res.properties["RegistryName"]
    ),
    "AWS::Events::Connection": lambda aws, res: aws.describe_connection(Name=res.name),
    "AWS::Events::EventBusPolicy": bus_policy,
    "AWS::IAM::Policy": inline_policy,
    "AWS::IAM::Role": role,
    "AWS::IoT::TopicRule": topic_rule,
    "AWS::Lambda::Alias": lambda aws, res: named_function(READ[res.type](aws, res), "AliasArn", -2),
    "AWS::Lambda::EventInvokeConfig": lambda aws, res: named_function(READ[res.type](aws, res), "FunctionArn", 6),
    "AWS::Lambda::EventSourceMapping": lambda aws, res: named_function(READ[res.type](aws, res), "FunctionArn", 6),
    "AWS::Lambda::Permission": permission,
    "AWS::S3::Bucket": bucket,
    "AWS::S3::BucketPolicy": lambda aws, res: {
        **aws.get_bucket_policy(Bucket=res.physical_id),
        "Bucket": res.physical_id,
    },
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": lambda aws, res: aws.get_schedule_group(Name=res.name),
    "AWS::SecretsManager::ResourcePolicy": lambda aws, res: aws.get_resource_policy(
        SecretId=res.properties["SecretId"]
    ),
    "AWS::SecretsManager::Secret": secret,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::QueuePolicy": queue_policy,
}
