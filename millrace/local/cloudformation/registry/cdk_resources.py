"""CDK's own custom resources, done here instead of by CDK's functions, which need Node.js.

https://docs.aws.amazon.com/cdk/v2/guide/resources.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.cloudformation.registry.bucket_deployments import bucket_deployment
from millrace.local.cloudformation.registry.calls import Cloud
from millrace.local.cloudformation.registry.custom_requests import invoke
from millrace.local.cloudformation.registry.types import ignore_not_found
from millrace.local.core.json_text import is_true

Properties = Mapping[str, Any]
Change = Callable[[Cloud, Properties | None, Properties | None], dict[str, Any]]
"""Changes a resource from its old properties (None at creation) to new ones (None at deletion). Returns attributes."""
_LISTS = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")


def bucket_notifications(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Set the notifications of a bucket; those of a bucket that another stack manages are kept."""
    client: Any = cloud.clients("s3")
    current = new or old or {}
    wanted = dict((new or {}).get("NotificationConfiguration") or {})
    if str(current.get("Managed", True)).lower() != "true":
        existing = client.get_bucket_notification_configuration(Bucket=current["BucketName"])
        previous = (old or {}).get("NotificationConfiguration") or {}
        for name in _LISTS:
            former = [_without_id(each) for each in previous.get(name) or []]
            kept = [each for each in existing.get(name) or [] if _without_id(each) not in former]
            wanted[name] = [*kept, *(wanted.get(name) or [])]
    with ignore_not_found():  # at deletion, the bucket may be gone
        client.put_bucket_notification_configuration(Bucket=current["BucketName"], NotificationConfiguration=wanted)
    return {}


def _without_id(notification: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in notification.items() if name != "Id"}


def log_retention(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Create a log group and set its retention. Deletion removes it only with the removal policy destroy."""
    client: Any = cloud.clients("logs")
    if new is None:
        if (old or {}).get("RemovalPolicy") == "destroy":
            with ignore_not_found():
                client.delete_log_group(logGroupName=(old or {})["LogGroupName"])
        return {}
    name = new["LogGroupName"]
    if not any(
        each["logGroupName"] == name for each in client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    ):
        client.create_log_group(logGroupName=name)
    if new.get("RetentionInDays"):
        client.put_retention_policy(logGroupName=name, retentionInDays=int(new["RetentionInDays"]))
    else:
        client.delete_retention_policy(logGroupName=name)
    return {"LogGroupName": name}


def auto_delete_objects(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Empty a bucket at deletion, with all versions, or when the resource changes to another bucket."""
    if old is None or (new is not None and new["BucketName"] == old["BucketName"]):
        return {}
    client: Any = cloud.clients("s3")
    with ignore_not_found():
        for page in client.get_paginator("list_object_versions").paginate(Bucket=old["BucketName"]):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if keys:
                client.delete_objects(Bucket=old["BucketName"], Delete={"Objects": keys, "Quiet": True})
    return {}


def trigger(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Invoke the function of a trigger at creation, and when its code changes.

    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.triggers-readme.html
    """
    if new is None or (old is not None and not is_true(new.get("ExecuteOnHandlerChange", True))):
        return {}
    if new.get("InvocationType") == "Event":
        client: Any = cloud.clients("lambda")
        client.invoke(FunctionName=new["HandlerArn"], InvocationType="Event", Payload="{}")
    else:
        invoke(cloud, new["HandlerArn"], {}, "the trigger")
    return {}


def oidc_provider(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:
    """Return the ARN of a provider. The local cloud takes no tokens of providers."""
    host = str((new or old or {}).get("Url")).removeprefix("https://")
    return {PHYSICAL_ID: f"arn:{cloud.partition}:iam::{cloud.account}:oidc-provider/{host}", "Thumbprints": "[]"}


def nothing(cloud: Cloud, old: Properties | None, new: Properties | None) -> dict[str, Any]:  # noqa: ARG001 - a Change
    """Do nothing: what the resource changes is only stored here, or empty."""
    return {}


PHYSICAL_ID = "PhysicalResourceId"
CDK_RESOURCES: dict[str, Change] = {
    "Custom::AWSCDKOpenIdConnectProvider": oidc_provider,
    "Custom::CDKBucketDeployment": bucket_deployment,
    "Custom::ECRAutoDeleteImages": nothing,
    "Custom::LogRetention": log_retention,
    "Custom::S3AutoDeleteObjects": auto_delete_objects,
    "Custom::S3BucketNotifications": bucket_notifications,
    "Custom::Trigger": trigger,
    "Custom::VpcRestrictDefaultSG": nothing,
}
