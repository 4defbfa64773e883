"""Event buses, rules, archives, connections and API destinations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, Values, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import ForEach, Read, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext

_NO_UPDATE = "moto has no UpdateEventBus; creation passes it, an update is stored with the stack only"

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
    not_in_moto={
        "LogConfig": "moto's CreateEventBus drops it",
        "Description": _NO_UPDATE,
        "KmsKeyIdentifier": _NO_UPDATE,
        "DeadLetterConfig": _NO_UPDATE,
    },
)

_RULE = props("Description", "EventBusName", "EventPattern", "RoleArn", "ScheduleExpression", "State")
_RULE_NAME = {"Rule": "{Name}", "EventBusName": "{EventBusName}"}


def _rule_id(values: Values) -> str:
    """Return the rule's id: on a custom bus, the name of the bus comes first."""
    bus: str = values["EventBusName"].rsplit("/", 1)[-1]
    return values["name"] if bus == "default" else f"{bus}|{values['name']}"


_TARGETS_NOT_SERVED = (
    *("AppSyncParameters", "BatchParameters", "EcsParameters", "RedshiftDataParameters", "RunCommandParameters"),
    "SageMakerPipelineParameters",
)


def _targets_not_served(properties: Properties) -> Iterable[str]:
    """Yield the parameters of targets to which the local cloud does not deliver."""
    targets = properties.get("Targets")
    for target in targets if isinstance(targets, list) else ():
        yield from (f"Targets.{name}" for name in _TARGETS_NOT_SERVED if name in target)


RULE = ResourceType(
    "AWS::Events::Rule",
    "events",
    name=Name("Name", 64, within=("EventBusName",)),
    create=Call("put_rule", props("Tags") | _RULE, {"Name": "{Name}"}),
    id=_rule_id,
    attributes={"Arn": "{RuleArn}", "RuleName": "{name}"},
    steps=(
        Setting(Call("put_rule", _RULE, {"Name": "{Name}"}), at_creation=False, send_all=True),
        ForEach(
            "Targets",
            put=Call("put_targets", {"member": Argument("Targets")}, _RULE_NAME),
            remove=Call("remove_targets", by=_RULE_NAME | {"Ids": "{member[Id]}"}),
            key=lambda target: str(target["Id"]),
        ),
        Tags("tag_resource", "untag_resource", {"ResourceARN": "{Arn}"}),
    ),
    delete=(Call("delete_rule", by={"Name": "{Name}", "EventBusName": "{EventBusName}"}),),
    immutable=frozenset({"Name", "EventBusName"}),
    defaults={"EventBusName": "default"},
    unsupported=_targets_not_served,
)


_DESCRIBE_BUS = Call("describe_event_bus", by={"Name": "{EventBusName}"})
_PUT_STATEMENT = Call("put_permission", {"policy": Argument("Policy")}, {"EventBusName": "{EventBusName}"})
_REMOVE_STATEMENT = Call("remove_permission", by={"EventBusName": "{EventBusName}", "StatementId": "{id}"})


@dataclass(frozen=True)
class _PolicyStatement(Step):
    """One statement of a bus's policy.

    PutPermission takes the whole policy, so the other statements are passed again. If they are not passed together,
    moto drops statements with the same principal.
    """

    properties: frozenset[str] = frozenset({"Action", "Condition", "Principal", "Statement", "StatementId"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_DESCRIBE_BUS, _PUT_STATEMENT, _REMOVE_STATEMENT)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Add or replace the statement in the policy."""
        if before == context.properties:
            return {}
        bus = context.call(_DESCRIBE_BUS)
        policy = json.loads(bus.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
        statement = self._statement(context, bus["Arn"])
        others = [other for other in policy["Statement"] if other.get("Sid") != statement["Sid"]]
        return context.call(_PUT_STATEMENT, policy={**policy, "Statement": [*others, statement]})

    def clean_up(self, context: StepContext) -> None:
        """Remove the statement."""
        context.call(_REMOVE_STATEMENT)

    def _statement(self, context: StepContext, bus: str) -> dict[str, Any]:
        properties = context.properties
        if "Statement" in properties:
            return {**properties["Statement"], "Sid": properties["StatementId"]}
        principal = properties["Principal"]
        partition = context.cloud.partition
        statement = {
            "Sid": properties["StatementId"],
            "Effect": "Allow",
            "Principal": principal if principal == "*" else {"AWS": f"arn:{partition}:iam::{principal}:root"},
            "Action": properties["Action"],
            "Resource": bus,
        }
        if condition := properties.get("Condition"):
            statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
        return statement


EVENT_BUS_POLICY = ResourceType(
    "AWS::Events::EventBusPolicy",
    "events",
    create=None,
    id="{StatementId}",
    steps=(_PolicyStatement(),),
    immutable=frozenset({"EventBusName", "StatementId"}),
    other_properties=frozenset({"EventBusName"}),
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
    not_in_moto={"KmsKeyIdentifier": "moto's CreateArchive drops it"},
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
        Read(Call("describe_connection", by={"Name": "{id}"})),
    ),
    delete=(Call("delete_connection", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": ""},
    not_in_moto={
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
