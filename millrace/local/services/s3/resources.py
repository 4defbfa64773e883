"""Buckets and their policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_S3.html
"""

import json
import re
from collections.abc import Callable
from typing import Any

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.cloudformation.registry.types import ResourceType

_OF_BUCKET = {"Bucket": "{id}"}


def _renamed(names: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda given: {names.get(key, key): value for key, value in given.items()}


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    rule = _renamed({"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"})
    return {"Rules": [rule(each) for each in given["ServerSideEncryptionConfiguration"]]}


def _cors(given: dict[str, Any]) -> dict[str, Any]:
    rule = _renamed({"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"})
    return {"CORSRules": [rule(each) for each in given["CorsRules"]]}


def _lifecycle(given: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation writes flat what the API nests; what has no place below is refused by the API's own shape."""
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in given["Rules"]]}


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


def _notification(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        match key:
            case "EventBridgeConfiguration":
                found[key] = {}
            case "LambdaConfigurations":
                found["LambdaFunctionConfigurations"] = [_notified(each, "Function") for each in value]
            case "QueueConfigurations" | "TopicConfigurations":
                found[key] = [_notified(each, key.removesuffix("Configurations")) for each in value]
            case _:
                found[key] = value
    return found


def _notified(given: dict[str, Any], kind: str) -> dict[str, Any]:
    arn = {"Function": "LambdaFunctionArn", "Queue": "QueueArn", "Topic": "TopicArn"}[kind]
    rest = {key: value for key, value in given.items() if key not in ("Event", "Function", "Queue", "Topic", "Filter")}
    if "Filter" in given:
        rest["Filter"] = {"Key": {"FilterRules": given["Filter"]["S3Key"]["Rules"]}}
    return {**rest, "Events": [given["Event"]], arn: given[kind]}


def _logging(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "LoggingEnabled": {
            "TargetPrefix": "",
            **_renamed({"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"})(given),
        }
    }


def _canned(given: str) -> str:
    """The API's name of an access control list that a template calls PublicRead, or alike."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", given).lower()


def _set(operation: str, take: dict[str, Take], unset: str | None = None) -> Setting:
    return Setting(Call(operation, take, _OF_BUCKET), unset=Call(unset, by=_OF_BUCKET) if unset else None)


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
        "RegionalDomainName": "{BucketName}.s3.{region}.amazonaws.com",
    },
    steps=(
        _set("put_bucket_acl", {"AccessControl": Take("ACL", _canned)}),
        _set(
            "put_bucket_encryption",
            {"BucketEncryption": Take("ServerSideEncryptionConfiguration", _encryption)},
            "delete_bucket_encryption",
        ),
        _set("put_public_access_block", props("PublicAccessBlockConfiguration"), "delete_public_access_block"),
        _set("put_bucket_versioning", props("VersioningConfiguration")),
        _set("put_bucket_ownership_controls", props("OwnershipControls"), "delete_bucket_ownership_controls"),
        _set(
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": Take("LifecycleConfiguration", _lifecycle)},
            "delete_bucket_lifecycle",
        ),
        _set("put_bucket_cors", {"CorsConfiguration": Take("CORSConfiguration", _cors)}, "delete_bucket_cors"),
        _set("put_bucket_logging", {"LoggingConfiguration": Take("BucketLoggingStatus", _logging)}),
        _set(
            "put_bucket_notification_configuration",
            {"NotificationConfiguration": Take("NotificationConfiguration", _notification)},
        ),
        _set("put_bucket_tagging", props(Tags="Tagging.TagSet"), "delete_bucket_tagging"),
    ),
    delete=(Call("delete_bucket", by=_OF_BUCKET),),
    immutable=frozenset({"BucketName"}),
    defaults={
        "AccessControl": "Private",
        "LoggingConfiguration": {},
        "NotificationConfiguration": {},
        "VersioningConfiguration": {"Status": "Suspended"},
    },
)


def without_transport_denial(document: dict[str, Any]) -> dict[str, Any]:
    """The policy without its statements "deny unless SecureTransport".

    moto reads a statement without its conditions, and would deny everything; nothing local has TLS anyway.
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
                {"PolicyDocument": Take("Policy", without_transport_denial)},
                {"Bucket": "{Bucket}"},
            )
        ),
    ),
    delete=(Call("delete_bucket_policy", by={"Bucket": "{Bucket}"}),),
    immutable=frozenset({"Bucket"}),
    accepts=frozenset({"Bucket"}),
    kept_only_here={"PolicyDocument": "moto ignores conditions: deny-unless-SecureTransport is on the record alone"},
)

TYPES = (BUCKET, BUCKET_POLICY)
