"""Log groups, metric filters and resource policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Logs.html
"""

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_GROUP_NAME = {"logGroupName": "{id}"}
_ARN = "arn:{partition}:logs:{region}:{account}:log-group:{LogGroupName}"

LOG_GROUP = ResourceType(
    "AWS::Logs::LogGroup",
    "logs",
    name=Name("LogGroupName", 512),
    create=Call("create_log_group", props("KmsKeyId", "LogGroupClass", "LogGroupName", "Tags")),
    id="{LogGroupName}",
    attributes={"Arn": f"{_ARN}:*"},
    steps=(
        Setting(
            Call("put_retention_policy", props("RetentionInDays"), _GROUP_NAME),
            unset=Call("delete_retention_policy", by=_GROUP_NAME),
        ),
        Tags("tag_resource", "untag_resource", {"resourceArn": _ARN}),
    ),
    delete=(Call("delete_log_group", by=_GROUP_NAME),),
    immutable=frozenset({"LogGroupName"}),
    not_in_moto={
        "DataProtectionPolicy": "moto has no PutDataProtectionPolicy",
        "DeletionProtectionEnabled": "moto has no PutLogGroupDeletionProtection",
        "FieldIndexPolicies": "moto has no PutIndexPolicy",
        "LogGroupClass": "moto's CreateLogGroup drops it",
        "ResourcePolicyDocument": "moto's PutResourcePolicy supports accounts only",
        "KmsKeyId": "moto has no AssociateKmsKey; creation passes it, an update is stored with the stack only",
    },
)

LOG_STREAM = ResourceType(
    "AWS::Logs::LogStream",
    "logs",
    name=Name("LogStreamName", 512, within=("LogGroupName",)),
    create=Call("create_log_stream", props("LogGroupName", "LogStreamName")),
    id="{LogStreamName}",
    delete=(Call("delete_log_stream", props("LogGroupName"), {"logStreamName": "{id}"}),),
    immutable=frozenset({"LogGroupName", "LogStreamName"}),
)

_FILTER = props("ApplyOnTransformedLogs", "FilterPattern", "MetricTransformations")
_FILTER_NAME = {"filterName": "{FilterName}", "logGroupName": "{LogGroupName}"}

METRIC_FILTER = ResourceType(
    "AWS::Logs::MetricFilter",
    "logs",
    name=Name("FilterName", 512, within=("LogGroupName",)),
    create=Call("put_metric_filter", props("FilterName", "LogGroupName") | _FILTER),
    id="{FilterName}",
    steps=(
        # moto's PutMetricFilter adds a second filter with the same name, so the previous one must be deleted.
        Setting(
            Call("put_metric_filter", _FILTER, _FILTER_NAME),
            delete_first=Call("delete_metric_filter", by=_FILTER_NAME),
            at_creation=False,
            send_all=True,
        ),
    ),
    delete=(Call("delete_metric_filter", by=_FILTER_NAME),),
    immutable=frozenset({"FilterName", "LogGroupName"}),
    not_in_moto={"ApplyOnTransformedLogs": "moto's PutMetricFilter drops it"},
)

RESOURCE_POLICY = ResourceType(
    "AWS::Logs::ResourcePolicy",
    "logs",
    name=Name("PolicyName", 255),
    create=Call("put_resource_policy", props("PolicyDocument", "PolicyName")),
    id="{PolicyName}",
    steps=(
        Setting(
            Call("put_resource_policy", props("PolicyDocument"), {"policyName": "{id}"}),
            at_creation=False,
            send_all=True,
        ),
    ),
    delete=(Call("delete_resource_policy", by={"policyName": "{id}"}),),
    immutable=frozenset({"PolicyName"}),
)

_SUBSCRIPTION = props("DestinationArn", "FilterPattern", "RoleArn")

SUBSCRIPTION_FILTER = ResourceType(
    "AWS::Logs::SubscriptionFilter",
    "logs",
    name=Name("FilterName", 512, within=("LogGroupName",)),
    create=Call("put_subscription_filter", props("FilterName", "LogGroupName") | _SUBSCRIPTION),
    id="{FilterName}",
    steps=(Setting(Call("put_subscription_filter", _SUBSCRIPTION, _FILTER_NAME), at_creation=False, send_all=True),),
    delete=(Call("delete_subscription_filter", by=_FILTER_NAME),),
    immutable=frozenset({"FilterName", "LogGroupName"}),
    not_in_moto={
        "ApplyOnTransformedLogs": "moto's PutSubscriptionFilter drops it",
        "Distribution": "moto's PutSubscriptionFilter drops it",
    },
)

TYPES = (LOG_GROUP, LOG_STREAM, METRIC_FILTER, RESOURCE_POLICY, SUBSCRIPTION_FILTER)
