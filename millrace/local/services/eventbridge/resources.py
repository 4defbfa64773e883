"""Event buses, rules and their targets, archives, connections and API destinations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Call, Take, Values, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Each, Reading, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject

_NO_UPDATE = "moto has no UpdateEventBus: creation passes it on, an update is on the record alone"

EVENT_BUS = ResourceType(
    "AWS::Events::EventBus",
    "events",
    name=Name("Name", 256),
    create=Call(
        "create_event_bus",
        props("Name", "EventSourceName", "Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig", "Tags"),
    ),
    id="{Name}",
    attributes={"Arn": "{EventBusArn}", "Name": "{Name}"},
    steps=(
        Setting(
            Call("put_permission", props("Policy"), {"EventBusName": "{id}"}),
            unset=Call("remove_permission", by={"EventBusName": "{id}", "RemoveAllPermissions": "true"}),
        ),
        Tags("tag_resource", "untag_resource", {"ResourceARN": "{Arn}"}),
    ),
    delete=(Call("delete_event_bus", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
    kept_only_here={
        "LogConfig": "moto's CreateEventBus drops it",
        "Description": _NO_UPDATE,
        "KmsKeyIdentifier": _NO_UPDATE,
        "DeadLetterConfig": _NO_UPDATE,
    },
)

_RULE = props("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")
_OF_RULE = {"Rule": "{Name}", "EventBusName": "{EventBusName}"}


def _rule_id(values: Values) -> str:
    """The id of a rule on a bus of one's own has the bus in front."""
    bus: str = values["EventBusName"].rsplit("/", 1)[-1]
    return values["name"] if bus == "default" else f"{bus}|{values['name']}"


RULE = ResourceType(
    "AWS::Events::Rule",
    "events",
    name=Name("Name", 64, within=("EventBusName",)),
    create=Call("put_rule", props("Tags") | _RULE, {"Name": "{Name}"}),
    id=_rule_id,
    attributes={"Arn": "{RuleArn}", "RuleName": "{name}"},
    steps=(
        Setting(Call("put_rule", _RULE, {"Name": "{Name}"}), at_creation=False, whole=True),
        Each(
            "Targets",
            put=Call("put_targets", {"member": Take("Targets")}, _OF_RULE),
            remove=Call("remove_targets", by=_OF_RULE | {"Ids": "{member[Id]}"}),
            key=lambda target: str(target["Id"]),
        ),
        Tags("tag_resource", "untag_resource", {"ResourceARN": "{Arn}"}),
    ),
    delete=(Call("delete_rule", by={"Name": "{Name}", "EventBusName": "{EventBusName}"}),),
    immutable=frozenset({"Name", "EventBusName"}),
    defaults={"EventBusName": "default"},
)


_BUS = Call("describe_event_bus", by={"Name": "{EventBusName}"})
_PUT_STATEMENT = Call("put_permission", {"policy": Take("Policy")}, {"EventBusName": "{EventBusName}"})
_REMOVE_STATEMENT = Call("remove_permission", by={"EventBusName": "{EventBusName}", "StatementId": "{id}"})


@dataclass(frozen=True)
class _Statement:
    """One statement of a bus's policy.

    PutPermission takes the whole policy, so the statements of others are said again. moto drops the statements that
    have the same principal as one it is given (events/models.py:508), unless all come together, as here.
    """

    properties: frozenset[str] = frozenset({"Action", "Condition", "Principal", "Statement", "StatementId"})

    def calls(self) -> Iterable[Call]:
        """Every call that the step may make."""
        return (_BUS, _PUT_STATEMENT, _REMOVE_STATEMENT)

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Put the statement beside those of others."""
        if before == subject.properties:
            return {}
        bus = subject.call(_BUS)
        policy = json.loads(bus.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
        own = self._statement(subject, bus["Arn"])
        others = [statement for statement in policy["Statement"] if statement.get("Sid") != own["Sid"]]
        return subject.call(_PUT_STATEMENT, policy={**policy, "Statement": [*others, own]})

    def undo(self, subject: Subject) -> None:
        """Take the statement away."""
        subject.call(_REMOVE_STATEMENT)

    def _statement(self, subject: Subject, bus: str) -> dict[str, Any]:
        given = subject.properties
        if "Statement" in given:
            return {**given["Statement"], "Sid": given["StatementId"]}
        who = given["Principal"]
        partition = subject.cloud.partition
        statement = {
            "Sid": given["StatementId"],
            "Effect": "Allow",
            "Principal": who if who == "*" else {"AWS": f"arn:{partition}:iam::{who}:root"},
            "Action": given["Action"],
            "Resource": bus,
        }
        if condition := given.get("Condition"):
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
        return statement


EVENT_BUS_POLICY = ResourceType(
    "AWS::Events::EventBusPolicy",
    "events",
    create=None,
    id="{StatementId}",
    steps=(_Statement(),),
    immutable=frozenset({"EventBusName", "StatementId"}),
    accepts=frozenset({"EventBusName"}),
    defaults={"EventBusName": "default"},
)

_ARCHIVE = props("Description", "EventPattern", "KmsKeyIdentifier", "RetentionDays")

ARCHIVE = ResourceType(
    "AWS::Events::Archive",
    "events",
    name=Name("ArchiveName", 48),
    create=Call("create_archive", props("ArchiveName", SourceArn="EventSourceArn") | _ARCHIVE),
    id="{ArchiveName}",
    attributes={"Arn": "{ArchiveArn}"},
    steps=(Setting(Call("update_archive", _ARCHIVE, {"ArchiveName": "{id}"}), at_creation=False),),
    delete=(Call("delete_archive", by={"ArchiveName": "{id}"}),),
    immutable=frozenset({"ArchiveName", "SourceArn"}),
    defaults={"Description": "", "RetentionDays": 0, "KmsKeyIdentifier": ""},
    kept_only_here={"KmsKeyIdentifier": "moto's CreateArchive drops it"},
)

_CONNECTION = props(
    "AuthorizationType", "AuthParameters", "Description", "InvocationConnectivityParameters", "KmsKeyIdentifier"
)

CONNECTION = ResourceType(
    "AWS::Events::Connection",
    "events",
    name=Name("Name", 64),
    create=Call("create_connection", props("Name") | _CONNECTION),
    id="{Name}",
    attributes={"Arn": "{ConnectionArn}", "SecretArn": "{SecretArn}", "ArnForPolicy": "{ConnectionArn}"},
    steps=(
        Setting(Call("update_connection", _CONNECTION, {"Name": "{id}"}), at_creation=False),
        Reading(Call("describe_connection", by={"Name": "{id}"})),
    ),
    delete=(Call("delete_connection", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": ""},
    kept_only_here={
        "InvocationConnectivityParameters": "moto's CreateConnection drops it",
        "KmsKeyIdentifier": "moto's CreateConnection drops it",
    },
)

_DESTINATION = props("ConnectionArn", "Description", "HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond")

API_DESTINATION = ResourceType(
    "AWS::Events::ApiDestination",
    "events",
    name=Name("Name", 64),
    create=Call("create_api_destination", props("Name") | _DESTINATION),
    id="{Name}",
    attributes={"Arn": "{ApiDestinationArn}", "ArnForPolicy": "{ApiDestinationArn}"},
    steps=(Setting(Call("update_api_destination", _DESTINATION, {"Name": "{id}"}), at_creation=False),),
    delete=(Call("delete_api_destination", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": "", "InvocationRateLimitPerSecond": 300},
)

TYPES = (EVENT_BUS, RULE, EVENT_BUS_POLICY, ARCHIVE, CONNECTION, API_DESTINATION)
