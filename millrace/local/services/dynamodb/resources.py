"""Tables, and global tables with one replica.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_DynamoDB.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.cloudformation.registry.calls import Call, Take, props
from millrace.local.cloudformation.registry.errors import Refused
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    return {"Enabled" if key == "SSEEnabled" else key: value for key, value in given.items()}


def _stream(given: dict[str, Any]) -> dict[str, Any]:
    return {"StreamEnabled": True, **given}


_OF_TABLE = {"TableName": "{id}"}
_CAPACITY = props(
    "BillingMode",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
    "WarmThroughput",
) | {
    "SSESpecification": Take("SSESpecification", _encryption),
    "StreamSpecification": Take("StreamSpecification", _stream),
}


_UPDATE_INDEXES = Call(
    "update_table", props("AttributeDefinitions") | {"updates": Take("GlobalSecondaryIndexUpdates")}, _OF_TABLE
)


@dataclass(frozen=True)
class _Indexes:
    """Global secondary indexes, which UpdateTable adds, changes and drops one by one."""

    properties: frozenset[str] = frozenset({"GlobalSecondaryIndexes"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (_UPDATE_INDEXES,)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Make the indexes those of the template."""
        had = _by_name(before)
        has = _by_name(subject.properties) if before is not None else had
        dropped = [{"Delete": {"IndexName": name}} for name in had if had[name] != has.get(name)]
        added = [{"Create": index} for name, index in has.items() if had.get(name) != index]
        for update in (*dropped, *added):
            subject.call(_UPDATE_INDEXES, updates=[update])
        return {}

    def undo(self, subject: Subject) -> None:
        """The table takes them along."""


def _by_name(properties: Properties | None) -> dict[str, Any]:
    return {index["IndexName"]: index for index in (properties or {}).get("GlobalSecondaryIndexes") or ()}


TABLE = ResourceType(
    "AWS::DynamoDB::Table",
    "dynamodb",
    name=Name("TableName", 255),
    create=Call(
        "create_table",
        props(
            "AttributeDefinitions", "GlobalSecondaryIndexes", "KeySchema", "LocalSecondaryIndexes", "TableName", "Tags"
        )
        | _CAPACITY,
    ),
    id="{TableName}",
    attributes={"Arn": "{TableDescription[TableArn]}", "StreamArn": "{TableDescription[LatestStreamArn]}"},
    steps=(
        Setting(Call("update_table", _CAPACITY, _OF_TABLE), at_creation=False),
        _Indexes(),
        Setting(Call("update_time_to_live", props("TimeToLiveSpecification"), _OF_TABLE)),
        Setting(Call("update_continuous_backups", props("PointInTimeRecoverySpecification"), _OF_TABLE)),
        Setting(
            Call(
                "put_resource_policy",
                {"ResourcePolicy": Take("Policy", lambda given: given["PolicyDocument"])},
                {"ResourceArn": "{Arn}"},
            ),
            unset=Call("delete_resource_policy", by={"ResourceArn": "{Arn}"}),
        ),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{Arn}"}),
    ),
    delete=(Call("delete_table", by=_OF_TABLE),),
    immutable=frozenset({"KeySchema", "LocalSecondaryIndexes", "TableName"}),
    defaults={
        "BillingMode": "PROVISIONED",
        "DeletionProtectionEnabled": False,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
        "SSESpecification": {"Enabled": False},
        "StreamSpecification": {"StreamEnabled": False},
        "TableClass": "STANDARD",
    },
    kept_only_here={
        "ContributorInsightsSpecification": "moto has no UpdateContributorInsights",
        "OnDemandThroughput": "moto's CreateTable drops it",
        "TableClass": "moto's CreateTable drops it",
        "SSESpecification": "moto's UpdateTable forgets it: creation passes it on, an update is on the record alone",
    },
)

_SHARED = frozenset(
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
_OF_REPLICA = frozenset(
    {
        "ContributorInsightsSpecification",
        "DeletionProtectionEnabled",
        "PointInTimeRecoverySpecification",
        "ResourcePolicy",
        "TableClass",
        "Tags",
    }
)


def single_region(given: Properties) -> Properties:
    """A global table's properties as those of a table. Raises Refused for what needs a second region."""
    replicas = given["Replicas"]
    place = given.get("TableName", "a global table")
    if len(replicas) != 1:
        raise Refused("AWS::DynamoDB::GlobalTable.Replicas", place, "the local cloud has one region")
    replica = {name: value for name, value in replicas[0].items() if name != "Region"}
    key = replica.pop("SSESpecification", {})
    if all(index.keys() == {"IndexName"} for index in replica.get("GlobalSecondaryIndexes", ())):
        replica.pop("GlobalSecondaryIndexes", None)
    for name in replica.keys() - _OF_REPLICA:
        raise Refused(f"AWS::DynamoDB::GlobalTable.Replicas[0].{name}", place)
    shared = {name: value for name, value in given.items() if name != "Replicas"}
    if key:
        shared["SSESpecification"] = {**shared.get("SSESpecification", {}), **key}
    return {**shared, **replica}


GLOBAL_TABLE = replace(
    TABLE,
    type="AWS::DynamoDB::GlobalTable",
    attributes={**TABLE.attributes, "TableId": "{TableDescription[TableId]}"},
    reshape=single_region,
    exactly=_SHARED | {"Replicas"},
)

TYPES = (TABLE, GLOBAL_TABLE)
