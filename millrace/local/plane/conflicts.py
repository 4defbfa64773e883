"""Requests of functions to DynamoDB that conflict with a transaction, as often as `cloud.fail(conflicts=…)` sets.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

from typing import TYPE_CHECKING, Any

from millrace.local.access import scope_of
from millrace.local.messages import Request, Response
from millrace.local.plane.outcomes import display_name

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

_SERVICE = "DynamoDB_20120810."
_ERRORS = "com.amazonaws.dynamodb.v20120810#"
_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_TRANSACTIONS = ("TransactWriteItems", "TransactGetItems")
_MESSAGE = "Transaction is ongoing for the item"


class Conflicts:
    """Rejects requests of functions; those of tests and command lines never conflict."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane

    def answer(self, request: Request) -> Response | None:
        """The response to a request that conflicts; None for every other one."""
        operation = request.operation.removeprefix(_SERVICE)
        if not self._plane.faults.conflicting or operation not in (*_WRITES, *_TRANSACTIONS):
            return None
        items = len(request.json().get("TransactItems") or ()) if operation in _TRANSACTIONS else 1
        function = self._function(request)
        position = self._plane.faults.draw_conflict(function, items) if function and items else None
        if position is None:
            return None
        return _rejected() if operation in _WRITES else _canceled(position, items)

    def _function(self, request: Request) -> str | None:
        """The name of the function that signs a request; None for anybody else."""
        scope = scope_of(request)
        caller = self._plane.planes.sessions.callers.get(scope.key) if scope else None
        return display_name(self._plane.functions.find(caller.function)) if caller and caller.function else None


def _rejected() -> Response:
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
    return Response.of({"__type": f"{_ERRORS}{code}", "Message": message, **more}, 400)
