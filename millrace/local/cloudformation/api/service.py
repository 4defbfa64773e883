"""CloudFormation's operations by name.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Operations.html
"""

from collections.abc import Callable

from millrace.local.cloudformation.api import protocol
from millrace.local.cloudformation.api.change_sets import ChangeSets
from millrace.local.cloudformation.api.descriptions import Descriptions
from millrace.local.cloudformation.api.protocol import Params, Result, validation_error
from millrace.local.cloudformation.api.stack_operations import StackOperations
from millrace.local.cloudformation.api.stack_requests import has_same_outputs_and_tags, read_request
from millrace.local.cloudformation.api.stacks import Stacks
from millrace.local.cloudformation.deployer import Deployer
from millrace.local.core.errors import ApiError
from millrace.local.core.http import Request, Response
from millrace.local.core.scheduler import Scheduler


class CloudFormation:
    """CloudFormation's API over the stacks of a deployer. Thread-safe."""

    def __init__(self, deployer: Deployer, scheduler: Scheduler) -> None:
        self._deployer = deployer
        self._stacks = Stacks(deployer, scheduler.clock.datetime)
        self._stack_operations = StackOperations(deployer, scheduler)
        self._change_sets = ChangeSets(deployer, self._stacks, self._stack_operations)
        self._operations = self._by_name(Descriptions(deployer, self._stacks))

    def respond(self, request: Request) -> Response:
        """Answer a request of the query protocol."""
        name = "DescribeStacks"  # formats an error that occurs before the name is known
        try:
            name, params = protocol.parse(request)
            return protocol.serialize(name, self._operation(name)(params))
        except ApiError as error:
            return protocol.serialize(name, error)

    def _operation(self, name: str) -> Callable[[Params], Result]:
        try:
            return self._operations[name]
        except KeyError:
            raise ApiError(
                "NotImplemented", f"cloudformation {name} is not implemented by Millrace's local cloud."
            ) from None

    def _by_name(self, read: Descriptions) -> dict[str, Callable[[Params], Result]]:
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

    def _create(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
        name = params["StackName"]
        if params.get("OnFailure", "ROLLBACK") != "ROLLBACK":
            raise validation_error("Millrace's local cloud always rolls back a failed stack. Leave OnFailure out.")
        if self._stacks.find(name):
            raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
        request = read_request(params, None, self._deployer.cloud.clients)
        record = self._stacks.add(name, "CREATE_IN_PROGRESS")
        record.protected = bool(params.get("EnableTerminationProtection"))
        self._stack_operations.deploy(record, request)
        return {"StackId": record.arn}

    def _update(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html."""
        record = self._change_sets.find_updatable(params["StackName"])
        request = read_request({**params, "StackName": record.name}, record, self._deployer.cloud.clients)
        if not self._change_sets.changes(record, request) and has_same_outputs_and_tags(record.request, request):
            raise validation_error("No updates are to be performed.")
        self._stack_operations.deploy(record, request)
        return {"StackId": record.arn}

    def _delete(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html."""
        if params.get("DeletionMode") == "FORCE_DELETE_STACK":
            raise validation_error("FORCE_DELETE_STACK is not supported by Millrace's local cloud.")
        record = self._stacks.find(params["StackName"])
        if record is None or not record.exists:
            return {}
        if record.protected:
            raise validation_error(f"Stack [{record.name}] cannot be deleted while TerminationProtection is enabled")
        if record.in_progress:
            raise validation_error(f"Stack [{record.arn}] is in {record.status} state and cannot be deleted")
        retained = params.get("RetainResources", ())
        if retained and record.status != "DELETE_FAILED":
            raise validation_error("Invalid operation on stack: RetainResources is for stacks in DELETE_FAILED state.")
        self._stack_operations.delete(record, retained)
        return {}

    def _protect(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html."""
        record = self._stacks.get(params["StackName"])
        record.protected = bool(params["EnableTerminationProtection"])
        return {"StackId": record.arn}
