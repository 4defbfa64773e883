"""Functions, layers, permissions, event source mappings, destinations, versions and aliases.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
"""

from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType
from millrace.local.services.lambda_.inline_code import code

_CONFIGURATION = props(
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "SnapStart",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)
_CODE = {"Code": Argument("Code", code)} | props("Architectures")
_UPDATED_CODE = {"Code": Argument("", code)} | props("Architectures")
_NOT_IN_UPDATE = (
    "moto's UpdateFunctionConfiguration drops it; creation passes it, an update is stored with the stack only"
)

FUNCTION = ResourceType(
    "AWS::Lambda::Function",
    "lambda",
    name=Name("FunctionName", 64),
    create=Call(
        "create_function",
        props("FunctionName", "PackageType", "CodeSigningConfigArn", "Tags") | _CODE | _CONFIGURATION,
    ),
    id="{FunctionName}",
    attributes={"Arn": "{FunctionArn}"},
    steps=(
        Setting(
            Call("update_function_code", _UPDATED_CODE, {"FunctionName": "{id}"}), at_creation=False, send_all=True
        ),
        Setting(Call("update_function_configuration", _CONFIGURATION, {"FunctionName": "{id}"}), at_creation=False),
        Setting(
            Call("put_function_concurrency", props("ReservedConcurrentExecutions"), {"FunctionName": "{id}"}),
            unset=Call("delete_function_concurrency", by={"FunctionName": "{id}"}),
        ),
        Setting(Call("put_function_recursion_config", props("RecursiveLoop"), {"FunctionName": "{id}"})),
        Tags("tag_resource", "untag_resource", {"Resource": "{Arn}"}),
    ),
    delete=(Call("delete_function", by={"FunctionName": "{id}"}),),
    immutable=frozenset({"FunctionName", "PackageType"}),
    defaults={
        "DeadLetterConfig": {"TargetArn": ""},
        "Description": "",
        "Environment": {"Variables": {}},
        "EphemeralStorage": {"Size": 512},
        "FileSystemConfigs": [],
        "KmsKeyArn": "",
        "Layers": [],
        "MemorySize": 128,
        "RecursiveLoop": "Terminate",
        "SnapStart": {"ApplyOn": "None"},
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "VpcConfig": {"SecurityGroupIds": [], "SubnetIds": []},
    },
    not_in_moto={
        "DeadLetterConfig": "moto's CreateFunction drops it",
        "FileSystemConfigs": "moto's CreateFunction drops it",
        "LoggingConfig": "moto's CreateFunction drops it",
        "SnapStart": "moto's CreateFunction drops it and always returns None",
        "RuntimeManagementConfig": "moto has no PutRuntimeManagementConfig",
        "Architectures": _NOT_IN_UPDATE,
        "EphemeralStorage": _NOT_IN_UPDATE,
        "ImageConfig": _NOT_IN_UPDATE,
        "KmsKeyArn": _NOT_IN_UPDATE,
        "TracingConfig": _NOT_IN_UPDATE,
    },
)

_LAYER = props("CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LicenseInfo")

LAYER_VERSION = ResourceType(
    "AWS::Lambda::LayerVersion",
    "lambda",
    name=Name("LayerName", 140, versioned=True),
    create=Call("publish_layer_version", props("LayerName") | _LAYER),
    id="{LayerVersionArn}",
    attributes={"LayerVersionArn": "{LayerVersionArn}"},
    delete=(
        Call(
            "delete_layer_version",
            by={"LayerName": "{LayerName}"},
            arguments={"id": Argument("VersionNumber", lambda arn: arn.rsplit(":", 1)[-1])},
        ),
    ),
    immutable=frozenset({"LayerName", *_LAYER}),
)

_PERMISSION = props(
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
)

PERMISSION = ResourceType(
    "AWS::Lambda::Permission",
    "lambda",
    name=Name(None, 100),
    create=Call("add_permission", _PERMISSION, {"StatementId": "{name}"}),
    id="{name}",
    attributes={"Id": "{name}"},
    delete=(Call("remove_permission", by={"FunctionName": "{FunctionName}", "StatementId": "{name}"}),),
    immutable=frozenset(_PERMISSION),
)


def _self_managed(source: dict[str, Any]) -> dict[str, Any]:
    """Return the endpoints with the key of the API; CloudFormation has another.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-eventsourcemapping-endpoints.html
    """
    return {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": source["Endpoints"]["KafkaBootstrapServers"]}}


_SOURCE = props("EventSourceArn", "StartingPosition", "StartingPositionTimestamp") | {
    "SelfManagedEventSource": Argument("SelfManagedEventSource", _self_managed)
}
_MAPPING = props(
    "AmazonManagedKafkaEventSourceConfig",
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "DocumentDBEventSourceConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "LoggingConfig",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
    "ProvisionedPollerConfig",
    "ScalingConfig",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "TumblingWindowInSeconds",
)
_NOT_IN_MAPPING_UPDATE = "moto's UpdateEventSourceMapping drops it; an update is stored with the stack only"

EVENT_SOURCE_MAPPING = ResourceType(
    "AWS::Lambda::EventSourceMapping",
    "lambda",
    create=Call("create_event_source_mapping", props("Queues", "Tags", "Topics") | _SOURCE | _MAPPING),
    id="{UUID}",
    attributes={"Id": "{UUID}", "EventSourceMappingArn": "{EventSourceMappingArn}"},
    steps=(Setting(Call("update_event_source_mapping", _MAPPING, {"UUID": "{id}"}), at_creation=False),),
    delete=(Call("delete_event_source_mapping", by={"UUID": "{id}"}),),
    immutable=frozenset({*_SOURCE, "Queues", "Topics"}),
    defaults={
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {},
        "Enabled": True,
        "FilterCriteria": {},
        "FunctionResponseTypes": [],
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "ScalingConfig": {},
        "TumblingWindowInSeconds": 0,
    },
    not_in_moto={
        "LoggingConfig": "moto's CreateEventSourceMapping drops it",
        "Tags": "moto's TagResource and ListTags support functions only",
        "KmsKeyArn": _NOT_IN_MAPPING_UPDATE,
        "MetricsConfig": _NOT_IN_MAPPING_UPDATE,
        "ProvisionedPollerConfig": _NOT_IN_MAPPING_UPDATE,
    },
)

_ASYNC = props("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
_QUALIFIED = {"FunctionName": "{FunctionName}", "Qualifier": "{Qualifier}"}

EVENT_INVOKE_CONFIG = ResourceType(
    "AWS::Lambda::EventInvokeConfig",
    "lambda",
    create=None,
    id="{FunctionName}|{Qualifier}",
    steps=(
        # moto keeps a list and returns its first member, so the previous one must be deleted.
        Setting(
            Call("put_function_event_invoke_config", _ASYNC, _QUALIFIED),
            delete_first=Call("delete_function_event_invoke_config", by=_QUALIFIED),
            send_all=True,
        ),
    ),
    delete=(Call("delete_function_event_invoke_config", by=_QUALIFIED),),
    immutable=frozenset({"FunctionName", "Qualifier"}),
    other_properties=frozenset({"FunctionName", "Qualifier"}),
)

_VERSION = props("FunctionName", "CodeSha256", "Description")

VERSION = ResourceType(
    "AWS::Lambda::Version",
    "lambda",
    create=Call("publish_version", _VERSION),
    id="{FunctionArn}",
    attributes={"Version": "{Version}", "FunctionArn": "{FunctionArn}"},
    delete=(Call("delete_function", by={"FunctionName": "{FunctionName}", "Qualifier": "{Version}"}),),
    immutable=frozenset({*_VERSION, "ProvisionedConcurrencyConfig", "RuntimePolicy"}),
    not_in_moto={
        "ProvisionedConcurrencyConfig": "moto has no PutProvisionedConcurrencyConfig",
        "RuntimePolicy": "moto has no PutRuntimeManagementConfig",
    },
)

_ALIAS = props("Description", "FunctionVersion") | {
    "RoutingConfig": Argument(
        "RoutingConfig",
        lambda routing: {
            "AdditionalVersionWeights": {
                each["FunctionVersion"]: each["FunctionWeight"] for each in routing["AdditionalVersionWeights"]
            }
        },
    )
}
_ALIAS_NAME = {"FunctionName": "{FunctionName}", "Name": "{Name}"}

ALIAS = ResourceType(
    "AWS::Lambda::Alias",
    "lambda",
    name=Name("Name", 128, within=("FunctionName",)),
    create=Call("create_alias", props("FunctionName", "Name") | _ALIAS),
    id="{AliasArn}",
    attributes={"AliasArn": "{AliasArn}"},
    steps=(Setting(Call("update_alias", _ALIAS, _ALIAS_NAME), at_creation=False),),
    delete=(Call("delete_alias", by=_ALIAS_NAME),),
    immutable=frozenset({"FunctionName", "Name"}),
    defaults={"Description": "", "RoutingConfig": {"AdditionalVersionWeights": []}},
    not_in_moto={"ProvisionedConcurrencyConfig": "moto has no PutProvisionedConcurrencyConfig"},
)

TYPES = (
    FUNCTION,
    LAYER_VERSION,
    PERMISSION,
    EVENT_SOURCE_MAPPING,
    EVENT_INVOKE_CONFIG,
    VERSION,
    ALIAS,
)
