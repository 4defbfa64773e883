"""Operations on change sets.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

import uuid
from typing import Any

from millrace.local.cloudformation.api.descriptions import parameters
from millrace.local.cloudformation.api.preview import Preview
from millrace.local.cloudformation.api.protocol import Params, Result, validation_error
from millrace.local.cloudformation.api.records import ChangeSet, StackRecord, StackRequest
from millrace.local.cloudformation.api.stack_operations import StackOperations
from millrace.local.cloudformation.api.stack_requests import has_same_outputs_and_tags, read_request, reject_unsupported
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.cloudformation.template import TemplateError
from millrace.local.core.errors import ApiError

NOT_FOUND = "Stack [{}] does not exist"
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class ChangeSets:
    """Creates, describes, executes and deletes change sets."""

    def __init__(self, deployer: Deployer, stacks: Stacks, operations: StackOperations) -> None:
        self._deployer = deployer
        self._stacks = stacks
        self._operations = operations

    def create(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html."""
        name, stack = params["ChangeSetName"], params["StackName"]
        creates = params.get("ChangeSetType", "UPDATE") == "CREATE"
        if params.get("ChangeSetType") == "IMPORT":
            raise validation_error("Importing resources is not supported by Millrace's local cloud.")
        record = self._find_for_creation(name, stack) if creates else self.find_updatable(stack)
        if record and name in record.change_sets:
            raise ApiError("AlreadyExistsException", f"ChangeSet {name} cannot be created as it already exists")
        request = read_request(
            {**params, "StackName": record.name if record else stack}, record, self._deployer.cloud.clients
        )
        if record is None:
            record = self._stacks.add(stack, "REVIEW_IN_PROGRESS")
            record.set_status("REVIEW_IN_PROGRESS", "User Initiated")
        change_set = self._change_set(record, request, params)
        record.change_sets[name] = change_set
        return {"Id": change_set.id, "StackId": record.arn}

    def describe(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
        record, change_set = self._find(params)
        changes = change_set.changes
        if not params.get("IncludePropertyValues"):
            changes = [_without_values(change) for change in changes]
        return {
            **_summary(record, change_set),
            **change_set.request.settings,
            "Changes": changes,
            "Parameters": parameters(change_set.request, self._deployer.cloud.clients),
            "Tags": change_set.request.tags,
            "IncludeNestedStacks": False,
        }

    def summaries(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html."""
        record = self._stacks.get(params["StackName"], NOT_FOUND)
        return {"Summaries": [_summary(record, each) for each in record.change_sets.values()]}

    def execute(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html."""
        reject_unsupported(params, ("DisableRollback",))
        record, change_set = self._find(params)
        if change_set.execution_status != "AVAILABLE":
            raise ApiError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.id}] cannot be executed in its current execution status "
                f"of [{change_set.execution_status}]",
            )
        _check_updatable(record)
        record.change_sets = {change_set.name: change_set}
        change_set.execution_status = "EXECUTE_IN_PROGRESS"

        def done(succeeded: bool) -> None:  # noqa: FBT001 - a callback
            change_set.execution_status = "EXECUTE_COMPLETE" if succeeded else "EXECUTE_FAILED"

        self._operations.deploy(record, change_set.request, done)
        return {}

    def delete(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
        try:
            record, change_set = self._find(params)
        except ApiError as error:
            if error.code != "ChangeSetNotFound":
                raise
            return {}
        del record.change_sets[change_set.name]
        return {}

    def changes(self, record: StackRecord, request: StackRequest) -> list[dict[str, Any]]:
        """Return what a request would change."""
        pseudo = self._stacks.pseudo_parameters(record.name, record.id)
        preview = Preview(self._deployer.deployment, pseudo, request.template, request.resolved)
        try:
            return preview.changes()
        except TemplateError as error:
            raise validation_error(f"Template error: {error}") from error

    def _change_set(self, record: StackRecord, request: StackRequest, params: Params) -> ChangeSet:
        try:
            changes = self.changes(record, request)
        except ApiError:
            if record.state is None:
                self._stacks.remove(record)
            raise
        pseudo = self._stacks.pseudo_parameters(record.name, record.id)
        name = params["ChangeSetName"]
        prefix = pseudo.stack_id.partition(":stack/")[0]
        change_set = ChangeSet(
            f"{prefix}:changeSet/{name}/{uuid.uuid4()}",
            name,
            "UPDATE" if record.state else "CREATE",
            record.now(),
            request,
            changes,
            params.get("Description"),
        )
        if not changes and record.state and has_same_outputs_and_tags(record.request, request):
            change_set.status, change_set.reason, change_set.execution_status = "FAILED", _NO_CHANGES, "UNAVAILABLE"
        return change_set

    def _find_for_creation(self, name: str, stack: str) -> StackRecord | None:
        record = self._stacks.find(stack)
        if record and record.status != "REVIEW_IN_PROGRESS":
            raise validation_error(
                f"Stack [{stack}] already exists and cannot be created again with the changeSet [{name}]."
            )
        return record

    def find_updatable(self, name: str) -> StackRecord:
        """Return a stack by name or ARN. Raises ApiError if its status does not allow an update."""
        record = self._stacks.get(name, NOT_FOUND)
        _check_updatable(record)
        return record

    def _find(self, params: Params) -> tuple[StackRecord, ChangeSet]:
        name = params["ChangeSetName"]
        records = [self._stacks.get(params["StackName"], NOT_FOUND)] if "StackName" in params else self._stacks.all()
        for record in records:
            for change_set in record.change_sets.values():
                if name in (change_set.name, change_set.id):
                    return record, change_set
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")


def _check_updatable(record: StackRecord) -> None:
    """Raise ApiError if the status of a stack does not allow an update."""
    if record.status not in (*_UPDATABLE, "REVIEW_IN_PROGRESS"):
        raise validation_error(f"Stack:{record.arn} is in {record.status} state and can not be updated.")


def _without_values(change: dict[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in change["ResourceChange"].items() if k not in ("BeforeContext", "AfterContext")}
    return {**change, "ResourceChange": shown}


def _summary(record: StackRecord, change_set: ChangeSet) -> dict[str, Any]:
    return {
        "StackId": record.arn,
        "StackName": record.name,
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
        "CreationTime": change_set.created,
        "Description": change_set.description,
    }
