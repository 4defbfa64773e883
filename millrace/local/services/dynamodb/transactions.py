"""TransactWriteItems on moto's tables: all conditions are checked before the first write.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import copy
from typing import Any

MAX_ITEMS = 100


def transact_write_items(backend: Any, transact_items: list[dict[str, Any]]) -> None:
    """Write all items or none. Raises moto's exceptions."""
    from moto.dynamodb.exceptions import (
        MultipleTransactionsException,
        TooManyTransactionsException,
        TransactionCanceledException,
    )

    if len(transact_items) > MAX_ITEMS:
        raise TooManyTransactionsException
    actions = [_Action(backend, *next(iter(item.items()))) for item in transact_items]
    if len({action.item_id for action in actions}) < len(actions):
        raise MultipleTransactionsException
    reasons = [action.cancellation_reason() for action in actions]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    started: list[_Action] = []
    try:
        for action in actions:
            started.append(action)
            action.write()
    except Exception:
        for action in reversed(started):
            action.roll_back()
        raise


class _Action:
    """One Put, Update, Delete or ConditionCheck of a transaction."""

    def __init__(self, backend: Any, kind: str, params: dict[str, Any]) -> None:
        self._backend = backend
        self._kind = kind
        self._params = params
        self._name: str = params["TableName"]
        self._table = backend.get_table(self._name)
        attributes = params["Item"] if kind == "Put" else params["Key"]
        names = (self._table.hash_key_attr, self._table.range_key_attr)
        self._key = {name: attributes[name] for name in names if name}
        self.item_id = (self._table.name, str(sorted(self._key.items())))
        self._before = copy.deepcopy(backend.get_item(self._name, self._key))

    def cancellation_reason(self) -> tuple[str | None, str | None, Any]:
        """Return code, message and requested item of a failed condition; code is None if it holds."""
        from moto.dynamodb.comparisons import get_filter_expression

        expression = self._params.get("ConditionExpression")
        names, values = self._params.get("ExpressionAttributeNames"), self._params.get("ExpressionAttributeValues")
        if expression is None or get_filter_expression(expression, names, values).expr(self._before):
            return None, None, None
        requested = self._before and self._params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        item = self._before.to_json()["Attributes"] if requested else None
        return "ConditionalCheckFailed", "The conditional request failed", item

    def write(self) -> None:
        """Write the item without checking its condition again."""
        if self._kind == "Put":
            self._backend.put_item(self._name, self._params["Item"])
        elif self._kind == "Delete":
            self._backend.delete_item(self._name, self._key)
        elif self._kind == "Update":
            self._backend.update_item(
                self._name,
                self._key,
                update_expression=self._params["UpdateExpression"],
                expression_attribute_names=self._params.get("ExpressionAttributeNames"),
                expression_attribute_values=self._params.get("ExpressionAttributeValues"),
            )

    def roll_back(self) -> None:
        """Restore the item."""
        hash_key, range_key = self._backend.get_keys_value(self._table, self._key)
        if self._before is None:
            self._table.delete_item(hash_key, range_key)
        elif range_key:
            self._table.items[hash_key][range_key] = self._before
        else:
            self._table.items[hash_key] = self._before
