"""Operations that read stacks, their resources, events, templates and exports.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from typing import Any

from millrace.local.cloudformation.api import templates
from millrace.local.cloudformation.api.protocol import Params, Result, validation_error
from millrace.local.cloudformation.api.records import Event, StackRecord, StackRequest
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.cloudformation.deployment import StackState
from millrace.local.cloudformation.parameters import ParameterError, given_or_default, is_ssm_parameter, ssm_value
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template
from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import is_true


class Descriptions:
    """Describes stacks. Results have one page."""

    def __init__(self, deployer: Deployer, stacks: Stacks) -> None:
        self._deployer = deployer
        self._stacks = stacks

    def stacks(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html."""
        name = params.get("StackName")
        records = [self._stacks.get(name)] if name else self._stacks.existing()
        return {"Stacks": [self._stack(record) for record in records]}

    def summaries(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html."""
        statuses = params.get("StackStatusFilter")
        found = [record for record in self._stacks.all() if not statuses or record.status in statuses]
        return {"StackSummaries": [_summary(record) for record in found]}

    def events(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html."""
        record = self._stacks.get(params["StackName"], "Stack [{}] does not exist")
        return {"StackEvents": [_event(record, event) for event in reversed(record.events)]}

    def resources(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html."""
        logical_id = params.get("LogicalResourceId")
        record = self._stack_of(params)
        events = [event for event in record.resource_events() if logical_id in (None, event.logical_id)]
        resources = [{**_resource(event), **_ids(record), "Timestamp": event.timestamp} for event in events]
        return {"StackResources": resources}

    def resource(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html."""
        record = self._stacks.get(params["StackName"], "Stack '{}' does not exist")
        logical_id = params["LogicalResourceId"]
        event = record.latest.get(logical_id)
        if event is None:
            raise validation_error(f"Resource {logical_id} does not exist for stack {record.name}")
        return {"StackResourceDetail": {**_resource(event), **_ids(record), "LastUpdatedTimestamp": event.timestamp}}

    def resource_summaries(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html."""
        record = self._stacks.get(params["StackName"])
        found = [{**_resource(event), "LastUpdatedTimestamp": event.timestamp} for event in record.resource_events()]
        return {"StackResourceSummaries": found}

    def template(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html.

        Differs: transforms are not supported, so the processed template is the original one.
        """
        record = self._stacks.get(params["StackName"])
        request = record.request
        if name := params.get("ChangeSetName"):
            found = [each for each in record.change_sets.values() if name in (each.name, each.id)]
            if not found:
                raise ApiError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
            request = found[0].request
        text = request.text if request else ""
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def summary(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
        template = self._template(params)
        return {
            **_capabilities(template),
            "Parameters": templates.declared_parameters(template),
            "ResourceTypes": sorted({definition.type for definition in template.resources.values()}),
            "Version": str(template.body.get("AWSTemplateFormatVersion", "2010-09-09")),
            "ResourceIdentifierSummaries": [],
        }

    def validation(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html."""
        template = self._template(params)
        return {**_capabilities(template), "Parameters": templates.declared_parameters(template)}

    def exports(self, _params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html."""
        found = [
            {"ExportingStackId": record.arn, "Name": name, "Value": str(value)}
            for record in self._stacks.existing()
            if (state := self._stacks.state(record))
            for name, value in state.exports.items()
        ]
        return {"Exports": found}

    def imports(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html."""
        name = params["ExportName"]
        found = self._deployer.deployment.importers(name)
        if not found:
            raise validation_error(f"Export '{name}' is not imported by any stack.")
        return {"Imports": found}

    def _stack_of(self, params: Params) -> StackRecord:
        """Return the stack of a name or of a resource's physical id."""
        if "StackName" in params:
            return self._stacks.get(params["StackName"])
        physical_id = params.get("PhysicalResourceId")
        for record in self._stacks.existing():
            if any(event.physical_id == physical_id for event in record.latest.values()):
                return record
        raise validation_error(f"Stack for {physical_id} does not exist")

    def _template(self, params: Params) -> Template:
        text = templates.text_of(params, self._deployer.cloud.clients)
        if text is not None:
            return templates.parse(text)
        if "StackName" not in params:
            raise validation_error("Either Template URL or Template Body must be specified.")
        record = self._stacks.get(params["StackName"])
        if record.request is None:
            raise validation_error(f"Stack with id {record.name} has no template yet")
        return record.request.template

    def _stack(self, record: StackRecord) -> dict[str, Any]:
        request, state = record.request, self._stacks.state(record)
        return {
            **self._parents(state),
            **(request.settings if request else {}),
            **_ids(record),
            "CreationTime": record.created,
            "LastUpdatedTime": record.updated,
            "DeletionTime": record.deleted,
            "StackStatus": record.status,
            "StackStatusReason": record.reason,
            "Description": request.template.body.get("Description") if request else None,
            "EnableTerminationProtection": record.protected,
            "DisableRollback": False,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "Parameters": parameters(request, self._deployer.cloud.clients) if request else [],
            "Tags": request.tags if request else [],
            "Outputs": _outputs(state.template, state.outputs, state.exports) if state else [],
        }

    def _parents(self, state: StackState | None) -> dict[str, str]:
        """Return the parent and the root of a nested stack."""
        if state is None or state.parent is None:
            return {}
        root = self._deployer.deployment.root(state.name)
        return {"ParentId": self._stacks.get(state.parent).arn, "RootId": self._stacks.get(root).arn}


def parameters(request: StackRequest, clients: Clients) -> list[dict[str, Any]]:
    """Return the parameters of a request for DescribeStacks and DescribeChangeSet."""
    found = []
    for name, body in request.template.body.get("Parameters", {}).items():
        hidden = is_true(body.get("NoEcho"))
        value = given_or_default(name, body, request.parameters)
        shown = {"ParameterKey": name, "ParameterValue": "****" if hidden else value}
        if is_ssm_parameter(body):
            shown["ResolvedValue"] = _ssm_value_or_empty(value, clients)
        found.append(shown)
    return found


def _ssm_value_or_empty(name: str, clients: Clients) -> str:
    try:
        return ssm_value(name, clients)
    except ParameterError:  # such as CDK's BootstrapVersion without `cdk bootstrap`
        return ""


def _outputs(template: Template, outputs: dict[str, Any], exports: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, value in outputs.items():
        body = template.outputs[name]
        shown = {"OutputKey": name, "OutputValue": str(value), "Description": body.get("Description")}
        if "Export" in body:
            shown["ExportName"] = next((export for export, exported in exports.items() if exported == value), None)
        found.append(shown)
    return found


def _ids(record: StackRecord) -> dict[str, Any]:
    return {"StackId": record.arn, "StackName": record.name}


def _summary(record: StackRecord) -> dict[str, Any]:
    return {
        **_ids(record),
        "TemplateDescription": record.request.template.body.get("Description") if record.request else None,
        "CreationTime": record.created,
        "LastUpdatedTime": record.updated,
        "DeletionTime": record.deleted,
        "StackStatus": record.status,
        "StackStatusReason": record.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _event(record: StackRecord, event: Event) -> dict[str, Any]:
    return {**_ids(record), **_resource(event), "EventId": event.id, "Timestamp": event.timestamp}


def _resource(event: Event) -> dict[str, Any]:
    return {
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def _capabilities(template: Template) -> dict[str, Any]:
    needed = templates.capabilities(template)
    types = sorted({each.type for each in template.resources.values() if each.type.startswith("AWS::IAM::")})
    reason = f"The following resource(s) require capabilities: {', '.join(types)}"
    return {
        "Description": template.body.get("Description"),
        "Capabilities": needed,
        "CapabilitiesReason": reason if needed else None,
    }
