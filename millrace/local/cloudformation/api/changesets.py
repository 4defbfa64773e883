"""The operations on change sets.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

import uuid
from typing import Any

from millrace.local.cloudformation.api import orders
from millrace.local.cloudformation.api.describing import parameters
from millrace.local.cloudformation.api.engine import Engine
from millrace.local.cloudformation.api.preview import Preview
from millrace.local.cloudformation.api.protocol import Answer, Refusal, invalid
from millrace.local.cloudformation.api.records import ChangeSet, Order, Record
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.loader import Loader
from millrace.local.cloudformation.template import TemplateError

Given = dict[str, Any]
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


class ChangeSets:
    """Creates, describes, executes and deletes change sets."""

    def __init__(self, loader: Loader, stacks: Stacks, engine: Engine) -> None:
        self._loader = loader
        self._stacks = stacks
        self._engine = engine

    def create(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html."""
        name, stack = given["ChangeSetName"], given["StackName"]
        creates = given.get("ChangeSetType", "UPDATE") == "CREATE"
        if given.get("ChangeSetType") == "IMPORT":
            raise invalid("Refused: importing resources is not supported by Millrace's local cloud.")
        record = self._created_for(name, stack) if creates else self._updated(stack)
        if record and name in record.change_sets:
            raise Refusal("AlreadyExistsException", f"ChangeSet {name} cannot be created as it already exists")
        order = orders.order(
            {**given, "StackName": record.name if record else stack}, record, self._loader.cloud.clients
        )
        if record is None:
            record = self._stacks.add(stack, "REVIEW_IN_PROGRESS")
            record.turn("REVIEW_IN_PROGRESS", "User Initiated")
        made = self._change_set(record, order, given)
        record.change_sets[name] = made
        return {"Id": made.id, "StackId": record.arn}

    def describe(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
        record, found = self._found(given)
        values = bool(given.get("IncludePropertyValues"))
        changes = found.changes if values else [_without_values(each) for each in found.changes]
        return {
            **_summary(record, found),
            **found.order.settings,
            "Changes": changes,
            "Parameters": parameters(found.order, self._loader.cloud.clients),
            "Tags": found.order.tags,
            "IncludeNestedStacks": False,
        }

    def summaries(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html."""
        record = self._stacks.get(given["StackName"], "Stack [{}] does not exist")
        return {"Summaries": [_summary(record, each) for each in record.change_sets.values()]}

    def execute(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html."""
        orders.refuse(given, ("DisableRollback",))
        record, found = self._found(given)
        if found.execution != "AVAILABLE":
            raise Refusal(
                "InvalidChangeSetStatus",
                f"ChangeSet [{found.id}] cannot be executed in its current execution status of [{found.execution}]",
            )
        updatable(record)
        record.change_sets = {found.name: found}
        found.execution = "EXECUTE_IN_PROGRESS"

        def done(worked: bool) -> None:  # noqa: FBT001 - the engine's form
            found.execution = "EXECUTE_COMPLETE" if worked else "EXECUTE_FAILED"

        self._engine.bring(record, found.order, done)
        return {}

    def delete(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
        try:
            record, found = self._found(given)
        except Refusal as refusal:
            if refusal.code != "ChangeSetNotFound":
                raise
            return {}
        del record.change_sets[found.name]
        return {}

    def changes(self, record: Record, order: Order) -> list[dict[str, Any]]:
        """What an order would change."""
        pseudo = self._stacks.pseudo(record.name, record.id)
        preview = Preview(self._loader.deployment, pseudo, order.template, order.resolved)
        try:
            return preview.changes()
        except TemplateError as error:
            raise invalid(f"Template error: {error}") from error

    def _change_set(self, record: Record, order: Order, given: Given) -> ChangeSet:
        try:
            changes = self.changes(record, order)
        except Refusal:
            if record.seen is None:
                self._stacks.drop(record)
            raise
        pseudo = self._stacks.pseudo(record.name, record.id)
        name = given["ChangeSetName"]
        prefix = pseudo.stack_id.partition(":stack/")[0]
        made = ChangeSet(
            f"{prefix}:changeSet/{name}/{uuid.uuid4()}",
            name,
            "UPDATE" if record.seen else "CREATE",
            record.now(),
            order,
            changes,
            given.get("Description"),
        )
        if not changes and record.seen and orders.same(record.order, order):
            made.status, made.reason, made.execution = "FAILED", _NO_CHANGES, "UNAVAILABLE"
        return made

    def _created_for(self, name: str, stack: str) -> Record | None:
        record = self._stacks.find(stack)
        if record and record.status != "REVIEW_IN_PROGRESS":
            raise invalid(f"Stack [{stack}] already exists and cannot be created again with the changeSet [{name}].")
        return record

    def _updated(self, stack: str) -> Record:
        record = self._stacks.get(stack, "Stack [{}] does not exist")
        updatable(record)
        return record

    def _found(self, given: Given) -> tuple[Record, ChangeSet]:
        name = given["ChangeSetName"]
        if "StackName" in given:
            records = [self._stacks.get(given["StackName"], "Stack [{}] does not exist")]
        else:
            records = self._stacks.every()
        for record in records:
            for found in record.change_sets.values():
                if name in (found.name, found.id):
                    return record, found
        raise Refusal("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")


def updatable(record: Record) -> None:
    """Raise Refusal for a stack whose status forbids an update."""
    if record.status not in (*_SETTLED, "REVIEW_IN_PROGRESS"):
        raise invalid(f"Stack:{record.arn} is in {record.status} state and can not be updated.")


def _without_values(change: dict[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in change["ResourceChange"].items() if k not in ("BeforeContext", "AfterContext")}
    return {**change, "ResourceChange": shown}


def _summary(record: Record, found: ChangeSet) -> dict[str, Any]:
    return {
        "StackId": record.arn,
        "StackName": record.name,
        "ChangeSetId": found.id,
        "ChangeSetName": found.name,
        "ExecutionStatus": found.execution,
        "Status": found.status,
        "StatusReason": found.reason,
        "CreationTime": found.created,
        "Description": found.description,
    }
