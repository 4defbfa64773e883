"""CloudFormation's operations, by name.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from collections.abc import Callable
from typing import Any

from millrace.local.cloudformation.api import orders, protocol
from millrace.local.cloudformation.api.changesets import ChangeSets, updatable
from millrace.local.cloudformation.api.describing import Descriptions
from millrace.local.cloudformation.api.engine import Engine
from millrace.local.cloudformation.api.protocol import Answer, Refusal, invalid
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.loader import Loader
from millrace.local.core.http import Request, Response
from millrace.local.core.scheduler import Scheduler

Given = dict[str, Any]


class CloudFormation:
    """Answers requests to CloudFormation over what a loader keeps. Its methods may be called from any thread."""

    def __init__(self, loader: Loader, scheduler: Scheduler) -> None:
        self._loader = loader
        self._stacks = Stacks(loader, scheduler.clock.datetime)
        self._engine = Engine(loader, scheduler)
        self._change_sets = ChangeSets(loader, self._stacks, self._engine)
        self._operations = self._named(Descriptions(loader, self._stacks))

    def answer(self, request: Request) -> Response:
        """Answer one request of the query protocol."""
        name = "DescribeStacks"  # whose form an error has that comes before the name is known
        try:
            name, given = protocol.parsed(request)
            return protocol.answered(name, self._operation(name)(given))
        except Refusal as refusal:
            return protocol.refused(name, refusal)

    def _operation(self, name: str) -> Callable[[Given], Answer]:
        try:
            return self._operations[name]
        except KeyError:
            raise Refusal(
                "NotImplemented", f"cloudformation {name} is not implemented by Millrace's local cloud."
            ) from None

    def _named(self, read: Descriptions) -> dict[str, Callable[[Given], Answer]]:
        return {
            "CreateChangeSet": self._change_sets.create,
            "CreateStack": self._create,
            "DeleteChangeSet": self._change_sets.delete,
            "DeleteStack": self._delete,
            "DescribeChangeSet": self._change_sets.describe,
            "DescribeStackEvents": read.events,
            "DescribeStackResource": read.resource,
            "DescribeStackResources": read.resources,
            "DescribeStacks": read.stacks,
            "ExecuteChangeSet": self._change_sets.execute,
            "GetTemplate": read.template,
            "GetTemplateSummary": read.summary,
            "ListChangeSets": self._change_sets.summaries,
            "ListExports": read.exports,
            "ListImports": read.imports,
            "ListStackResources": read.resource_summaries,
            "ListStacks": read.summaries,
            "UpdateStack": self._update,
            "UpdateTerminationProtection": self._protect,
            "ValidateTemplate": read.validation,
        }

    def _create(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
        name = given["StackName"]
        if given.get("OnFailure", "ROLLBACK") != "ROLLBACK":
            raise invalid("Refused: a stack that fails is rolled back in Millrace's local cloud. Leave OnFailure out.")
        if self._stacks.find(name):
            raise Refusal("AlreadyExistsException", f"Stack [{name}] already exists")
        order = orders.order(given, None, self._loader.cloud.clients)
        record = self._stacks.add(name, "CREATE_IN_PROGRESS")
        record.protected = bool(given.get("EnableTerminationProtection"))
        self._engine.bring(record, order)
        return {"StackId": record.arn}

    def _update(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html."""
        record = self._stacks.get(given["StackName"], "Stack [{}] does not exist")
        updatable(record)
        order = orders.order({**given, "StackName": record.name}, record, self._loader.cloud.clients)
        if not self._change_sets.changes(record, order) and orders.same(record.order, order):
            raise invalid("No updates are to be performed.")
        self._engine.bring(record, order)
        return {"StackId": record.arn}

    def _delete(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html."""
        if given.get("DeletionMode") == "FORCE_DELETE_STACK":
            raise invalid("Refused: FORCE_DELETE_STACK is not supported by Millrace's local cloud.")
        record = self._stacks.find(given["StackName"])
        if record is None or not record.stands:
            return {}
        if record.protected:
            raise invalid(f"Stack [{record.name}] cannot be deleted while TerminationProtection is enabled")
        if record.under_way:
            raise invalid(f"Stack [{record.arn}] is in {record.status} state and cannot be deleted")
        retained = given.get("RetainResources", ())
        if retained and record.status != "DELETE_FAILED":
            raise invalid("Invalid operation on stack: RetainResources is for stacks in DELETE_FAILED state.")
        self._engine.delete(record, retained)
        return {}

    def _protect(self, given: Given) -> Answer:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html."""
        record = self._stacks.get(given["StackName"])
        record.protected = bool(given["EnableTerminationProtection"])
        return {"StackId": record.arn}
