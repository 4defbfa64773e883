"""Tables, and global tables with one replica.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_DynamoDB.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext


def _encryption(specification: dict[str, Any]) -> dict[str, Any]:
    return {"Enabled" if key == "SSEEnabled" else key: value for key, value in specification.items()}


def _stream(specification: dict[str, Any]) -> dict[str, Any]:
    return {"StreamEnabled": True, **specification}


_TABLE_NAME = {"TableName": "{id}"}
_TABLE = props(
    "BillingMode",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
    "WarmThroughput",
) | {
    "SSESpecification": Argument("SSESpecification", _encryption),
    "StreamSpecification": Argument("StreamSpecification", _stream),
}


_UPDATE_INDEXES = Call(
    "update_table", props("AttributeDefinitions") | {"updates": Argument("GlobalSecondaryIndexUpdates")}, _TABLE_NAME
)


@dataclass(frozen=True)
class _GlobalIndexes(Step):
    """Global secondary indexes. UpdateTable creates and deletes one at a time."""

    properties: frozenset[str] = frozenset({"GlobalSecondaryIndexes"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_UPDATE_INDEXES,)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Delete removed and changed indexes, then create new and changed ones."""
        if before is None:
            return {}
        old, new = _indexes_by_name(before), _indexes_by_name(context.properties)
        deleted = [{"Delete": {"IndexName": name}} for name in old if old[name] != new.get(name)]
        created = [{"Create": index} for name, index in new.items() if old.get(name) != index]
        for update in (*deleted, *created):
            context.call(_UPDATE_INDEXES, updates=[update])
        return {}


def _indexes_by_name(properties: Properties) -> dict[str, Any]:
    return {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes") or ()}


TABLE = ResourceType(
    "AWS::DynamoDB::Table",
    "dynamodb",
    name=Name("TableName", 255),
    create=Call(
        "create_table",
        props(
            "AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes", "TableName", "Tags"
        )
        | _TABLE,
    ),
    id="{TableName}",
    attributes={"Arn": "{TableDescription[TableArn]}", "StreamArn": "{TableDescription[LatestStreamArn]}"},
    steps=(
        Setting(Call("update_table", _TABLE, _TABLE_NAME), at_creation=False),
        _GlobalIndexes(),
        Setting(Call("update_time_to_live", props("TimeToLiveSpecification"), _TABLE_NAME)),
        Setting(Call("update_continuous_backups", props("PointInTimeRecoverySpecification"), _TABLE_NAME)),
        Setting(
            Call(
                "put_resource_policy",
                {"ResourcePolicy": Argument("Policy", lambda policy: policy["PolicyDocument"])},
                {"ResourceArn": "{Arn}"},
            ),
            unset=Call("delete_resource_policy", by={"ResourceArn": "{Arn}"}),
        ),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{Arn}"}),
    ),
    delete=(Call("delete_table", by=_TABLE_NAME),),
    immutable=frozenset({"KeySchema", "LocalSecondaryIndexes", "TableName"}),
    defaults={
        "BillingMode": "PROVISIONED",
        "DeletionProtectionEnabled": False,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
        "SSESpecification": {"Enabled": False},
        "StreamSpecification": {"StreamEnabled": False},
        "TableClass": "STANDARD",
    },
    not_in_moto={
        "ContributorInsightsSpecification": "moto has no UpdateContributorInsights",
        "OnDemandThroughput": "moto's CreateTable drops it",
        "TableClass": "moto's CreateTable drops it",
        "SSESpecification": "moto's UpdateTable drops it; creation passes it, an update is stored with the stack only",
    },
)

_TABLE_PROPERTIES = frozenset(
    {
        "AttributeDefinitions",
        "BillingMode",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "LocalSecondaryIndexes",
        "SSESpecification",
        "StreamSpecification",
        "TableName",
        "TimeToLiveSpecification",
        "WarmThroughput",
    }
)
_REPLICA_PROPERTIES = frozenset(
    {
        "ContributorInsightsSpecification",
        "DeletionProtectionEnabled",
        "PointInTimeRecoverySpecification",
        "ResourcePolicy",
        "TableClass",
        "Tags",
    }
)


def single_region(properties: Properties) -> Properties:
    """Convert a global table's properties to those of a table. Raises UnsupportedError for a second replica."""
    replicas = properties["Replicas"]
    table = properties.get("TableName", "a global table")
    if len(replicas) != 1:
        raise UnsupportedError("more than one replica in AWS::DynamoDB::GlobalTable.Replicas", table)
    replica = {name: value for name, value in replicas[0].items() if name != "Region"}
    encryption = replica.pop("SSESpecification", {})
    if all(index.keys() == {"IndexName"} for index in replica.get("GlobalSecondaryIndexes", ())):
        replica.pop("GlobalSecondaryIndexes", None)
    for name in replica.keys() - _REPLICA_PROPERTIES:
        raise UnsupportedError(f"AWS::DynamoDB::GlobalTable.Replicas[0].{name}", table)
    shared = {name: value for name, value in properties.items() if name != "Replicas"}
    if encryption:
        shared["SSESpecification"] = {**shared.get("SSESpecification", {}), **encryption}
    return {**shared, **replica}


GLOBAL_TABLE = replace(
    TABLE,
    type="AWS::DynamoDB::GlobalTable",
    attributes={**TABLE.attributes, "TableId": "{TableDescription[TableId]}"},
    reshape=single_region,
    only_properties=_TABLE_PROPERTIES | {"Replicas"},
)

TYPES = (TABLE, GLOBAL_TABLE)
