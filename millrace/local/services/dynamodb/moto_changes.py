"""Changes to moto's DynamoDB, each with its reason: writes are atomic, a transaction is one, a query is quick.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import copy
import functools
import threading
from collections.abc import Callable
from typing import Any

from millrace.local.services.dynamodb import expressions

_WRITES = ("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items")
_READS_OF_MANY = ("query", "scan")
_MOST_ITEMS = 100


def apply(_region: Any) -> None:
    """Change moto."""
    expressions.apply()
    _write_one_at_a_time()
    _write_together()
    _query_only_what_is_asked_for()


def _write_one_at_a_time() -> None:
    """Moto looks at an item's condition and then writes it, and another thread's write may come between.

    It also goes through all items, while another thread adds some.
    """
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415 - moto is changed when it is first attached

    lock = threading.RLock()
    for name in (*_WRITES, *_READS_OF_MANY):
        setattr(DynamoHandler, name, _locked(getattr(DynamoHandler, name), lock))


def _locked(write: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(write)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return write(*args, **kwargs)

    return locked


def _write_together() -> None:
    """Moto copies whole tables before each transaction; and their streams tell of writes that it takes back."""
    from moto.dynamodb.models import DynamoDBBackend  # noqa: PLC0415

    DynamoDBBackend.transact_write_items = _transact


def _transact(backend: Any, items: list[dict[str, Any]]) -> None:
    """Look at every condition first; then write everything."""
    from moto.dynamodb.exceptions import (  # noqa: PLC0415
        MultipleTransactionsException,
        TooManyTransactionsException,
        TransactionCanceledException,
    )

    if len(items) > _MOST_ITEMS:
        raise TooManyTransactionsException
    operations = [_Operation(backend, *next(iter(item.items()))) for item in items]
    if len({operation.place for operation in operations}) < len(operations):
        raise MultipleTransactionsException
    reasons = [operation.reason() for operation in operations]
    if any(code for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    done: list[_Operation] = []
    try:
        for operation in operations:
            done.append(operation)
            operation.write()
    except Exception:
        for operation in reversed(done):
            operation.take_back()
        raise


class _Operation:
    """One write of a transaction, or one look at a condition."""

    def __init__(self, backend: Any, kind: str, wanted: dict[str, Any]) -> None:
        self._backend = backend
        self._kind = kind
        self._wanted = wanted
        self._name: str = wanted["TableName"]
        self._table = backend.get_table(self._name)
        given = wanted["Item"] if kind == "Put" else wanted["Key"]
        names = (self._table.hash_key_attr, self._table.range_key_attr)
        self._key = {name: given[name] for name in names if name}
        self.place = (self._table.name, str(sorted(self._key.items())))
        self._before = copy.deepcopy(backend.get_item(self._name, self._key))

    def reason(self) -> tuple[str | None, str | None, Any]:
        """Why it cannot be: code, message, and the item, where it is asked for."""
        from moto.dynamodb.comparisons import get_filter_expression  # noqa: PLC0415

        expression = self._wanted.get("ConditionExpression")
        names, values = self._wanted.get("ExpressionAttributeNames"), self._wanted.get("ExpressionAttributeValues")
        if expression is None or get_filter_expression(expression, names, values).expr(self._before):
            return None, None, None
        shown = self._before and self._wanted.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        item = self._before.to_json()["Attributes"] if shown else None
        return "ConditionalCheckFailed", "The conditional request failed", item

    def write(self) -> None:
        """Do it; its condition is known to hold."""
        names, values = self._wanted.get("ExpressionAttributeNames"), self._wanted.get("ExpressionAttributeValues")
        if self._kind == "Put":
            self._backend.put_item(self._name, self._wanted["Item"])
        elif self._kind == "Delete":
            self._backend.delete_item(self._name, self._key)
        elif self._kind == "Update":
            self._backend.update_item(
                self._name,
                self._key,
                update_expression=self._wanted["UpdateExpression"],
                expression_attribute_names=names,
                expression_attribute_values=values,
            )

    def take_back(self) -> None:
        """Make the item what it was."""
        keys = self._backend.get_keys_value(self._table, self._key)
        if self._before is None:
            self._table.delete_item(*keys)
        elif keys[1]:
            self._table.items[keys[0]][keys[1]] = self._before
        else:
            self._table.items[keys[0]] = self._before


def _query_only_what_is_asked_for() -> None:
    """Moto sorts the whole table for each query."""
    from moto.dynamodb.models import Table  # noqa: PLC0415

    ask = Table.query

    def query(table: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        index_name, keys = args[6], kwargs.get("hash_key_conditions") or []
        narrow = copy.copy(table)
        narrow.items = _of_index(table, keys) if index_name else _of_key(table, hash_key)
        return ask(narrow, hash_key, *args, **kwargs)

    Table.query = query


def _of_key(table: Any, hash_key: Any) -> dict[Any, Any]:
    return {hash_key: table.items[hash_key]} if hash_key in table.items else {}


def _of_index(table: Any, keys: list[tuple[str, Any]]) -> dict[Any, Any]:
    def wanted(item: Any) -> bool:
        return all(name in item.attrs and item.attrs[name] == value for name, value in keys)

    if table.range_key_attr is None:
        return {key: item for key, item in table.items.items() if wanted(item)}
    narrow = {key: {sort: item for sort, item in under.items() if wanted(item)} for key, under in table.items.items()}
    return {key: under for key, under in narrow.items() if under}
