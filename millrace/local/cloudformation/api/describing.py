"""The operations that read: stacks, their resources, events, templates and exports.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from typing import Any

from millrace.local.cloudformation import parameters as values
from millrace.local.cloudformation.api import templates
from millrace.local.cloudformation.api.protocol import Answer, Refusal, invalid
from millrace.local.cloudformation.api.records import Event, Order, Record
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.loader import Loader
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template

Given = dict[str, Any]


class Descriptions:
    """Answers what is asked about stacks. Everything comes in one page."""

    def __init__(self, loader: Loader, stacks: Stacks) -> None:
        self._loader = loader
        self._stacks = stacks

    def stacks(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html."""
        name = given.get("StackName")
        records = [self._stacks.get(name)] if name else list(self._stacks.standing())
        return {"Stacks": [self._stack(record) for record in records]}

    def summaries(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html."""
        wanted = given.get("StackStatusFilter")
        found = [record for record in self._stacks.every() if not wanted or record.status in wanted]
        return {"StackSummaries": [_summary(record) for record in found]}

    def events(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html."""
        record = self._stacks.get(given["StackName"], "Stack [{}] does not exist")
        return {"StackEvents": [_event(record, event) for event in reversed(record.events)]}

    def resources(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html."""
        wanted = given.get("LogicalResourceId")
        record = self._of(given)
        found = [event for event in record.resources() if wanted in (None, event.logical_id)]
        return {"StackResources": [{**_resource(event), **_of(record), "Timestamp": event.moment} for event in found]}

    def resource(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html."""
        record = self._stacks.get(given["StackName"], "Stack '{}' does not exist")
        wanted = given["LogicalResourceId"]
        event = record.latest.get(wanted)
        if event is None:
            raise invalid(f"Resource {wanted} does not exist for stack {record.name}")
        return {"StackResourceDetail": {**_resource(event), **_of(record), "LastUpdatedTimestamp": event.moment}}

    def resource_summaries(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html."""
        record = self._stacks.get(given["StackName"])
        found = [{**_resource(event), "LastUpdatedTimestamp": event.moment} for event in record.resources()]
        return {"StackResourceSummaries": found}

    def template(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html.

        Differs: there are no transforms, so the processed template is the original one.
        """
        record = self._stacks.get(given["StackName"])
        order = record.order
        if name := given.get("ChangeSetName"):
            found = [each for each in record.change_sets.values() if name in (each.name, each.id)]
            if not found:
                raise Refusal("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
            order = found[0].order
        text = order.text if order else ""
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def summary(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
        template = self._given(given)
        return {
            **_validated(template),
            "Parameters": templates.declared_parameters(template),
            "ResourceTypes": sorted({entry.type for entry in template.entries.values()}),
            "Version": str(template.body.get("AWSTemplateFormatVersion", "2010-09-09")),
            "ResourceIdentifierSummaries": [],
        }

    def validation(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html."""
        template = self._given(given)
        return {**_validated(template), "Parameters": templates.declared_parameters(template)}

    def exports(self, _given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html."""
        found = [
            {"ExportingStackId": record.arn, "Name": name, "Value": str(value)}
            for record in self._stacks.standing()
            if (state := self._stacks.state(record))
            for name, value in state.exports.items()
        ]
        return {"Exports": found}

    def imports(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html."""
        name = given["ExportName"]
        found = self._loader.deployment.importers(name)
        if not found:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return {"Imports": found}

    def _of(self, given: Given) -> Record:
        """The stack that is named, or that has a resource of a physical id."""
        if "StackName" in given:
            return self._stacks.get(given["StackName"])
        wanted = given.get("PhysicalResourceId")
        for record in self._stacks.standing():
            if any(event.physical_id == wanted for event in record.latest.values()):
                return record
        raise invalid(f"Stack for {wanted} does not exist")

    def _given(self, given: Given) -> Template:
        text = templates.text_of(given, self._loader.cloud.clients)
        if text is not None:
            return templates.read(text)
        if "StackName" not in given:
            raise invalid("Either Template URL or Template Body must be specified.")
        record = self._stacks.get(given["StackName"])
        if record.order is None:
            raise invalid(f"Stack with id {record.name} has no template yet")
        return record.order.template

    def _stack(self, record: Record) -> dict[str, Any]:
        order, state = record.order, self._stacks.state(record)
        return {
            **(order.settings if order else {}),
            **_of(record),
            "CreationTime": record.created,
            "LastUpdatedTime": record.updated,
            "DeletionTime": record.deleted,
            "StackStatus": record.status,
            "StackStatusReason": record.reason,
            "Description": order.template.body.get("Description") if order else None,
            "EnableTerminationProtection": record.protected,
            "DisableRollback": False,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "Parameters": parameters(order, self._loader.cloud.clients) if order else [],
            "Tags": order.tags if order else [],
            "Outputs": _outputs(state.template, state.outputs, state.exports) if state else [],
        }


def parameters(order: Order, clients: Clients) -> list[dict[str, Any]]:
    """The parameters of an order, as AWS tells of them."""
    found = []
    for name, body in order.template.body.get("Parameters", {}).items():
        hidden = str(body.get("NoEcho", False)).lower() == "true"
        value = values.plain(body, name, order.parameters)
        shown = {"ParameterKey": name, "ParameterValue": "****" if hidden else value}
        if values.from_store(body):
            shown["ResolvedValue"] = _stored(value, clients)
        found.append(shown)
    return found


def _stored(name: str, clients: Clients) -> str:
    try:
        return values.stored(name, clients)
    except values.ParameterError:  # CDK's BootstrapVersion, where nothing was bootstrapped
        return ""


def _outputs(template: Template, outputs: dict[str, Any], exports: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, value in outputs.items():
        body = template.outputs[name]
        shown = {"OutputKey": name, "OutputValue": str(value), "Description": body.get("Description")}
        if "Export" in body:
            shown["ExportName"] = next((each for each, exported in exports.items() if exported == value), None)
        found.append(shown)
    return found


def _of(record: Record) -> dict[str, Any]:
    return {"StackId": record.arn, "StackName": record.name}


def _summary(record: Record) -> dict[str, Any]:
    return {
        **_of(record),
        "TemplateDescription": record.order.template.body.get("Description") if record.order else None,
        "CreationTime": record.created,
        "LastUpdatedTime": record.updated,
        "DeletionTime": record.deleted,
        "StackStatus": record.status,
        "StackStatusReason": record.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _event(record: Record, event: Event) -> dict[str, Any]:
    return {**_of(record), **_resource(event), "EventId": event.id, "Timestamp": event.moment}


def _resource(event: Event) -> dict[str, Any]:
    return {
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _validated(template: Template) -> dict[str, Any]:
    needed = templates.capabilities(template)
    why = "The following resource(s) require capabilities: " + ", ".join(
        sorted({entry.type for entry in template.entries.values() if entry.type.startswith("AWS::IAM::")})
    )
    return {
        "Description": template.body.get("Description"),
        "Capabilities": needed,
        "CapabilitiesReason": why if needed else None,
    }
