"""Amazon DynamoDB. `cloud.fail(conflicts=…)` makes requests of functions conflict with a transaction.

`cloud.limit_partitions(…)` throttles writes to tables with a stream.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import ApiError
from millrace.local.core.http import Request, Response
from millrace.local.core.service import Service
from millrace.local.services.dynamodb.item_requests import ERRORS, OPERATION_PREFIX, answer
from millrace.local.services.dynamodb.partitions import PartitionLimits, charges
from millrace.local.services.iam import Iam, scope_of
from millrace.local.services.lambda_ import Lambda, display_name

_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_LIMITED = (*_WRITES, "TransactWriteItems", "BatchWriteItem")
_THROTTLED = (
    "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning "
    "level with the UpdateTable API."
)
_TRANSACTIONS = ("TransactWriteItems", "TransactGetItems")
_MESSAGE = "Transaction is ongoing for the item"


class DynamoDb(Service):
    """Injects transaction conflicts into requests of functions, never into those of tests and commands."""

    arn_name = "dynamodb"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._limits: PartitionLimits | None = None
        self.checks = {
            f"{OPERATION_PREFIX}BatchWriteItem": self._check_batch,
            f"{OPERATION_PREFIX}CreateTable": _check_table,
            f"{OPERATION_PREFIX}DeleteTable": self._check_deletion,
        }

    def reset(self) -> None:
        """Lift the limit of partitions."""
        self._limits = None

    def limit_partitions(self, write_units: float | None) -> None:
        """Limit the write units of each partition in a second; None lifts the limit."""
        self._limits = None if write_units is None else PartitionLimits(write_units)

    def charge(self, table: Any, old: Any, new: Any) -> None:
        """Count the write units of a change of an item."""
        if self._limits:
            for partition, units in charges(table, old, new):
                self._limits.charge(self.region.clock.now(), partition, units)

    def reject(self, request: Request) -> Response | None:
        """Return the error of a request that conflicts."""
        operation = request.operation.removeprefix(OPERATION_PREFIX)
        if self._limits and operation in _LIMITED and self._is_throttled(self._limits, request.json()):
            self.region.faults.drawn["throttled"] += 1
            return _error("ProvisionedThroughputExceededException", _THROTTLED)
        if not self.region.faults.conflicting or operation not in (*_WRITES, *_TRANSACTIONS):
            return None
        items = len(request.json().get("TransactItems") or ()) if operation in _TRANSACTIONS else 1
        function = self._function(request)
        position = self.region.faults.draw_conflict(function, items) if function and items else None
        if position is None:
            return None
        return _conflict() if operation in _WRITES else _canceled(position, items)

    def answer(self, request: Request) -> Response | None:
        """Answer a common request for items; None if moto has to handle it."""
        return answer(request, self.region.backends.dynamodb)

    def _check_batch(self, params: dict[str, Any]) -> None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html."""
        for name, requests in (params.get("RequestItems") or {}).items():
            table = self.region.backends.dynamodb.tables.get(name)
            keys = [each["DeleteRequest"].get("Key") for each in requests if each.get("DeleteRequest")]
            if table is not None and any(set(key or ()) != set(table.table_key_attrs) for key in keys):
                raise ApiError("ValidationException", "The provided key element does not match the schema")

    def _check_deletion(self, params: dict[str, Any]) -> None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html."""
        name = str(params.get("TableName")).rpartition("/")[2]
        if name not in self.region.backends.dynamodb.tables:
            message = f"Requested resource not found: Table: {name} not found"
            raise ApiError("ResourceNotFoundException", message)

    def _is_throttled(self, limits: PartitionLimits, params: dict[str, Any]) -> bool:
        actions = [action for item in params.get("TransactItems", ()) for action in item.values()]
        names = {each["TableName"] for each in (actions or [params]) if "TableName" in each}
        names |= set(params.get("RequestItems", ()))
        return any(limits.exceeded(self.region.clock.now(), name) for name in names)

    def _function(self, request: Request) -> str | None:
        """Return the name of the function that signed a request, if one did."""
        scope = scope_of(request)
        caller = self.region.service(Iam).sessions.callers.get(scope.key) if scope else None
        return display_name(self.region.service(Lambda).find(caller.function)) if caller and caller.function else None


def _check_table(params: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html."""
    if params.get("BillingMode") == "PAY_PER_REQUEST" and params.get("ProvisionedThroughput"):
        message = (
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
        raise ApiError("ValidationException", f"One or more parameter values were invalid: {message}")


def _conflict() -> Response:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#API_PutItem_Errors."""
    return _error("TransactionConflictException", _MESSAGE)


def _canceled(position: int, items: int) -> Response:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html."""
    reasons = [{"Code": "None"} for _ in range(items)]
    reasons[position] = {"Code": "TransactionConflict", "Message": _MESSAGE}
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return _error("TransactionCanceledException", message, CancellationReasons=reasons)


def _error(code: str, message: str, **more: Any) -> Response:
    return Response.of({"__type": f"{ERRORS}{code}", "Message": message, **more}, 400)
