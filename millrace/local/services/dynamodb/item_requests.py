"""Fast answers to the common requests for items, on moto's tables.

moto parses and copies an item several times per request, and functions make dozens of requests per event. Every
unusual request and every error raises UnsupportedRequestError before a write: moto then handles the request.
"""

import json
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from millrace.local.core.http import InvalidJsonError, Request, Response
from millrace.local.services.dynamodb import index_partitions
from millrace.local.services.dynamodb.attribute_values import UnsupportedRequestError, parse, render
from millrace.local.services.dynamodb.item_expressions import (
    PLACEHOLDERS,
    Compiled,
    Scope,
    compile_condition,
    compile_update,
    placeholders,
)
from millrace.local.services.dynamodb.item_keys import WRITE_LOCK, Key, check_index_keys, key_size
from millrace.local.services.dynamodb.item_queries import QUERY, queried
from millrace.local.services.dynamodb.item_updates import updated

OPERATION_PREFIX = "DynamoDB_20120810."
ERRORS = "com.amazonaws.dynamodb.v20120810#"
_CONDITION = "ConditionExpression"
_MAX_ITEMS = 100
_MAX_PAGE = 1_000_000
"""Of a query, in bytes: moto splits larger ones. The JSON of items is longer than what DynamoDB counts."""
_READ = {"TableName", "Key", "ConsistentRead"}
_WRITE = {"TableName", "ReturnValues", _CONDITION, "ReturnValuesOnConditionCheckFailure", *PLACEHOLDERS}
_PARAMETERS = {
    "Put": _WRITE | {"Item"},
    "Update": _WRITE | {"Key", "UpdateExpression"},
    "Delete": _WRITE | {"Key"},
    "ConditionCheck": _WRITE | {"Key"},
}


def answer(request: Request, backend: Any) -> Response | None:
    """Return the response to a common request; None if moto has to handle it."""
    handle = _OPERATIONS.get(request.operation.removeprefix(OPERATION_PREFIX))
    if handle is None:
        return None
    try:
        with WRITE_LOCK:
            response = _response(handle(backend, request.json()))
            return response if len(response.body) <= _MAX_PAGE or handle is not _query else None
    except _ConditionFailedError as failed:
        return _response({"__type": f"{ERRORS}ConditionalCheckFailedException", **failed.content}, 400)
    except (UnsupportedRequestError, InvalidJsonError):
        return None


class _ConditionFailedError(Exception):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html#API_PutItem_Errors."""

    def __init__(self, write: "_Write", returned: Any) -> None:
        item = {"Item": _rendered(write.old.attrs)} if returned == "ALL_OLD" and write.old is not None else {}
        self.content = {"message": "The conditional request failed", **item}


def _response(content: dict[str, Any], status: int = 200) -> Response:
    body = json.dumps(content).encode()
    checksum = ("x-amz-crc32", str(zlib.crc32(body)))
    kind = ("content-type", "application/x-amz-json-1.0")
    return Response(status, body, (kind, ("x-amzn-requestid", uuid.uuid4().hex.upper()), checksum))


@dataclass
class _Write:
    """A write that can run if its condition holds. `new` is None if it stores nothing."""

    key: Key
    old: Any
    holds: bool
    new: dict[str, Any] | None = None
    deletes: bool = False
    paths: tuple[Any, ...] = ()

    def run(self) -> None:
        """Write to moto's table."""
        if self.new is not None:
            self.key.store(self.old, self.new)
        elif self.deletes:
            index_partitions.replace(self.key.table, self.old, None)
            self.key.table.delete_item(self.key.partition, self.key.sort or None)

    def returned(self, mode: str) -> dict[str, Any]:
        """Return the attributes that `ReturnValues` selects."""
        old, new = self.old.attrs if self.old is not None else {}, self.new or {}
        if mode in ("ALL_OLD", "ALL_NEW"):
            found = old if mode == "ALL_OLD" else new
        elif any(len(path) > 1 for path in self.paths):
            raise UnsupportedRequestError
        else:
            source = old if mode == "UPDATED_OLD" else new
            found = {path[0]: source[path[0]] for path in self.paths if path[0] in source}
        return {"Attributes": _rendered(found)} if found else {}


def _rendered(attributes: Any) -> dict[str, Any]:
    return {name: render(value) for name, value in attributes.items()}


def _table(backend: Any, name: Any) -> Any:
    table = backend.tables.get(name) if isinstance(name, str) else None
    if table is None:
        raise UnsupportedRequestError
    return table


def _prepared(backend: Any, kind: str, params: Any) -> _Write:
    """Validate a request whole, and return its write."""
    if not isinstance(params, dict) or params.keys() - _PARAMETERS[kind]:
        raise UnsupportedRequestError
    table = _table(backend, params.get("TableName"))
    wire = params.get("Item") if kind == "Put" else params.get("Key")
    if not isinstance(wire, dict) or (kind != "Put" and len(wire) != key_size(table)):
        raise UnsupportedRequestError
    key = Key(table, wire)
    old = key.item
    scope = Scope(old.attrs if old is not None else {}, *placeholders(params))
    condition = _compiled(compile_condition, params["ConditionExpression"], scope) if _CONDITION in params else None
    update = _compiled(compile_update, params.get("UpdateExpression"), scope) if kind == "Update" else None
    used = (condition.placeholders if condition else set()) | (update.placeholders if update else set())
    if used != scope.names.keys() | scope.values.keys():
        raise UnsupportedRequestError
    write = _Write(key, old, holds=condition is None or condition.condition(scope), deletes=kind == "Delete")
    if not write.holds:
        return write
    if kind == "Put":
        write.new = {name: parse(value) for name, value in wire.items()}
        check_index_keys(table, write.new)
    elif update:
        write.paths, write.new = updated(update.actions, scope, key.attributes)
        check_index_keys(table, {path[0]: write.new.get(path[0]) for path in write.paths})
    return write


def _compiled(compiler: Callable[[str], Compiled], text: Any, scope: Scope) -> Compiled:
    """Return a compiled expression whose placeholders are all defined."""
    if not isinstance(text, str):
        raise UnsupportedRequestError
    compiled = compiler(text)
    if compiled.placeholders - scope.names.keys() - scope.values.keys():
        raise UnsupportedRequestError
    return compiled


def _get_item(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    if params.keys() - _READ:
        raise UnsupportedRequestError
    found = _find(_table(backend, params.get("TableName")), params.get("Key"))
    return {} if found is None else {"Item": _rendered(found.attrs)}


def _find(table: Any, wire: Any) -> Any:
    if not isinstance(wire, dict) or len(wire) != key_size(table):
        raise UnsupportedRequestError
    return Key(table, wire).item


def _query(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    if params.keys() - QUERY:
        raise UnsupportedRequestError
    items = [_rendered(item.attrs) for item in queried(_table(backend, params.get("TableName")), params)]
    return {"Items": items, "Count": len(items), "ScannedCount": len(items)}


def _batch_get_item(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    requests = params.get("RequestItems")
    if params.keys() != {"RequestItems"} or not isinstance(requests, dict):
        raise UnsupportedRequestError
    responses = {name: list(_batch(_table(backend, name), each)) for name, each in requests.items()}
    if sum(len(each["Keys"]) for each in requests.values()) > _MAX_ITEMS:
        raise UnsupportedRequestError
    return {"Responses": responses, "UnprocessedKeys": {}}


def _batch(table: Any, request: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(request, dict) or request.keys() - {"Keys", "ConsistentRead"} or not request.get("Keys"):
        raise UnsupportedRequestError
    keys = request["Keys"]
    if len({json.dumps(key, sort_keys=True) for key in keys}) < len(keys):
        raise UnsupportedRequestError
    for key in keys:
        found = _find(table, key)
        if found is not None:
            yield _rendered(found.attrs)


def _put_item(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    return _written(backend, "Put", params, ("NONE", "ALL_OLD"))


def _delete_item(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    return _written(backend, "Delete", params, ("NONE", "ALL_OLD"))


def _update_item(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    return _written(backend, "Update", params, ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"))


def _written(backend: Any, kind: str, params: dict[str, Any], modes: tuple[str, ...]) -> dict[str, Any]:
    mode = params.get("ReturnValues", "NONE")
    if mode not in modes:
        raise UnsupportedRequestError
    write = _prepared(backend, kind, params)
    if not write.holds:
        raise _ConditionFailedError(write, params.get("ReturnValuesOnConditionCheckFailure"))
    returned = {} if mode == "NONE" else write.returned(mode)
    write.run()
    return returned


def _transact_write_items(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html."""
    items = params.get("TransactItems")
    if params.keys() - {"TransactItems", "ClientRequestToken"} or not isinstance(items, list):
        raise UnsupportedRequestError
    if not 0 < len(items) <= _MAX_ITEMS:
        raise UnsupportedRequestError
    writes = [_transaction_write(backend, item) for item in items]
    if len({(write.key.table.name, write.key.partition, write.key.sort or None) for write in writes}) < len(writes):
        raise UnsupportedRequestError
    if not all(write.holds for write in writes):
        raise UnsupportedRequestError
    for write in writes:
        write.run()
    return {}


def _transaction_write(backend: Any, item: Any) -> _Write:
    kind, params = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else ("", None)
    if kind not in _PARAMETERS or not isinstance(params, dict) or "ReturnValues" in params:
        raise UnsupportedRequestError
    return _prepared(backend, kind, params)


_OPERATIONS = {
    "GetItem": _get_item,
    "BatchGetItem": _batch_get_item,
    "Query": _query,
    "PutItem": _put_item,
    "DeleteItem": _delete_item,
    "UpdateItem": _update_item,
    "TransactWriteItems": _transact_write_items,
}
