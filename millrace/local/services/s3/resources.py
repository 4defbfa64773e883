"""Buckets and bucket policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3.html
"""

import json
import re
from collections.abc import Callable
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.cloudformation.registry.types import ResourceType

_BUCKET_NAME = {"Bucket": "{id}"}


def _renamed(names: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda properties: {names.get(key, key): value for key, value in properties.items()}


def _encryption(properties: dict[str, Any]) -> dict[str, Any]:
    rule = _renamed({"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"})
    return {"Rules": [rule(each) for each in properties["ServerSideEncryptionConfiguration"]]}


def _cors(properties: dict[str, Any]) -> dict[str, Any]:
    rule = _renamed({"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"})
    return {"CORSRules": [rule(each) for each in properties["CorsRules"]]}


def _lifecycle(properties: dict[str, Any]) -> dict[str, Any]:
    """Nest what CloudFormation has flat. The API's shape reports unknown members."""
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in properties["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    expiration = {
        name: rule.pop(key)
        for key, name in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if key in rule
    }
    if expiration:
        rule["Expiration"] = expiration
    rule["Filter"] = {"Prefix": rule.pop("Prefix", "")}
    rule["ID"] = rule.pop("Id", "millrace")
    if "Transitions" in rule:
        transition = _renamed({"TransitionInDays": "Days", "TransitionDate": "Date"})
        rule["Transitions"] = [transition(each) for each in rule["Transitions"]]
    return rule


def _notification(properties: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in properties.items():
        match key:
            case "EventBridgeConfiguration":
                found[key] = {}
            case "LambdaConfigurations":
                found["LambdaFunctionConfigurations"] = [_notification_target(each, "Function") for each in value]
            case "QueueConfigurations" | "TopicConfigurations":
                found[key] = [_notification_target(each, key.removesuffix("Configurations")) for each in value]
            case _:
                found[key] = value
    return found


def _notification_target(properties: dict[str, Any], kind: str) -> dict[str, Any]:
    arn = {"Function": "LambdaFunctionArn", "Queue": "QueueArn", "Topic": "TopicArn"}[kind]
    rest = {
        key: value for key, value in properties.items() if key not in ("Event", "Function", "Queue", "Topic", "Filter")
    }
    if "Filter" in properties:
        rest["Filter"] = {"Key": {"FilterRules": properties["Filter"]["S3Key"]["Rules"]}}
    return {**rest, "Events": [properties["Event"]], arn: properties[kind]}


def _logging(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "LoggingEnabled": {
            "TargetPrefix": "",
            **_renamed({"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"})(properties),
        }
    }


def _canned_acl(properties: str) -> str:
    """Convert the name of a canned ACL: PublicRead to public-read."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", properties).lower()


def _set(operation: str, arguments: dict[str, Argument], unset: str | None = None) -> Setting:
    return Setting(Call(operation, arguments, _BUCKET_NAME), unset=Call(unset, by=_BUCKET_NAME) if unset else None)


BUCKET = ResourceType(
    "AWS::S3::Bucket",
    "s3",
    name=Name("BucketName", 63, lower=True),
    create=Call(
        "create_bucket",
        props(
            BucketName="Bucket",
            ObjectLockEnabled="ObjectLockEnabledForBucket",
            location="CreateBucketConfiguration.LocationConstraint",
        ),
        {"Bucket": "{name}"},
    ),
    id="{BucketName}",
    attributes={
        "Arn": "arn:{partition}:s3:::{BucketName}",
        "DomainName": "{BucketName}.s3.amazonaws.com",
        "DualStackDomainName": "{BucketName}.s3.dualstack.{region}.amazonaws.com",
        "RegionalDomainName": "{BucketName}.s3.{region}.amazonaws.com",
        "WebsiteURL": "http://{BucketName}.s3-website-{region}.amazonaws.com",
    },
    steps=(
        _set("put_bucket_acl", {"AccessControl": Argument("ACL", _canned_acl)}),
        _set(
            "put_bucket_encryption",
            {"BucketEncryption": Argument("ServerSideEncryptionConfiguration", _encryption)},
            "delete_bucket_encryption",
        ),
        _set("put_public_access_block", props("PublicAccessBlockConfiguration"), "delete_public_access_block"),
        _set("put_bucket_versioning", props("VersioningConfiguration")),
        _set("put_bucket_ownership_controls", props("OwnershipControls"), "delete_bucket_ownership_controls"),
        _set(
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": Argument("LifecycleConfiguration", _lifecycle)},
            "delete_bucket_lifecycle",
        ),
        _set("put_bucket_cors", {"CorsConfiguration": Argument("CORSConfiguration", _cors)}, "delete_bucket_cors"),
        _set("put_bucket_logging", {"LoggingConfiguration": Argument("BucketLoggingStatus", _logging)}),
        _set(
            "put_bucket_notification_configuration",
            {"NotificationConfiguration": Argument("NotificationConfiguration", _notification)},
        ),
        _set("put_bucket_tagging", props(Tags="Tagging.TagSet"), "delete_bucket_tagging"),
    ),
    delete=(Call("delete_bucket", by=_BUCKET_NAME),),
    immutable=frozenset({"BucketName"}),
    defaults={
        "AccessControl": "Private",
        "LoggingConfiguration": {},
        "NotificationConfiguration": {},
        "VersioningConfiguration": {"Status": "Suspended"},
    },
    not_in_moto={
        "AccelerateConfiguration": "no request depends on it",
        "AnalyticsConfigurations": "the local cloud writes no reports of buckets",
        "IntelligentTieringConfigurations": "no request depends on it",
        "InventoryConfigurations": "the local cloud writes no reports of buckets",
        "MetricsConfigurations": "no request depends on it",
        "ObjectLockConfiguration": "the local cloud locks no objects by default",
        "ReplicationConfiguration": "the local cloud replicates no objects",
        "WebsiteConfiguration": "the local cloud serves no websites; read the objects with GetObject",
    },
)


def without_transport_denial(document: dict[str, Any]) -> dict[str, Any]:
    """Return the policy without its statements "deny unless SecureTransport".

    moto ignores conditions, so it would deny every call. The local cloud does not use TLS.
    """
    statements = [each for each in document["Statement"] if not _denies_plain_http(each)]
    return {**document, "Statement": statements}


def _denies_plain_http(statement: dict[str, Any]) -> bool:
    return statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(statement.get("Condition", {}))


BUCKET_POLICY = ResourceType(
    "AWS::S3::BucketPolicy",
    "s3",
    create=None,
    id="{Bucket}",
    steps=(
        Setting(
            Call(
                "put_bucket_policy",
                {"PolicyDocument": Argument("Policy", without_transport_denial)},
                {"Bucket": "{Bucket}"},
            )
        ),
    ),
    delete=(Call("delete_bucket_policy", by={"Bucket": "{Bucket}"}),),
    immutable=frozenset({"Bucket"}),
    other_properties=frozenset({"Bucket"}),
    not_in_moto={
        "PolicyDocument": "moto ignores conditions; deny-unless-SecureTransport is stored with the stack only"
    },
)

TYPES = (BUCKET, BUCKET_POLICY)
