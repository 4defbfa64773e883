"""The permissions that DynamoDB's operations need, with condition keys for items.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.backends import Backends
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.iam import Call, Known, Permission, Values

_EXPRESSIONS = ("ProjectionExpression", "UpdateExpression", "ConditionExpression", "FilterExpression")
_WORDS = re.compile(r"(?<![:\w#])[#A-Za-z_][\w-]*")
_RESERVED = re.compile(
    r"and|or|not|between|in|set|remove|add|delete|if_not_exists|list_append|size|contains|begins_with"
    r"|attribute_(?:not_)?exists|attribute_type",
    re.IGNORECASE,
)
_PARTIQL = re.compile(
    r"""^\s*(?P<verb>SELECT|INSERT|UPDATE|DELETE|EXISTS)\b.*?(?:\bFROM|\bINTO|(?<=UPDATE))\s+"""
    r"""["']?(?P<table>[\w.-]+?)["']?(?:\.["']?(?P<index>[\w-]+)["']?)?(?:\s|$)""",
    re.IGNORECASE | re.DOTALL,
)

_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}

Params = Mapping[str, Any]


def required(call: Call, region: AccountRegion) -> list[Permission]:
    """Return one permission per item of a transaction, or per table or index of any other operation."""
    params, operation, backends = call.params, call.operation, region.backends
    if "TransactItems" in params:
        return [
            _permission(call, backends, _ACTIONS.get(kind, kind), [{**item, "EnclosingOperation": operation}])
            for each in params["TransactItems"]
            for kind, item in each.items()
        ]
    if "RequestItems" in params:
        tables = [(table, requests) for table, requests in params["RequestItems"].items() if requests]
        return [_permission(call, backends, operation, _batch(*each)) for each in tables]
    statements = _statements(params)
    if statements:
        return [_partiql(call, statement) for statement in statements]
    return [_permission(call, backends, operation, [params])]


def _batch(table: str, requests: Any) -> list[Params]:
    """Return the items of a table in a batch, as parameters of the single operation."""
    if isinstance(requests, list):
        return [{"TableName": table, **request} for each in requests for request in each.values()]
    return [{"TableName": table, **requests, "Key": key} for key in requests["Keys"]]


def _permission(call: Call, backends: Backends, action: str, items: list[Params]) -> Permission:
    """Return the permission for items of one table; its conditions see the keys and attributes of all items."""
    item = items[0]
    known: Known = {
        "dynamodb:leadingkeys": lambda: _union(_leading_keys(backends, item) for item in items),
        "dynamodb:attributes": lambda: _union(_attributes(item) for item in items),
        "dynamodb:select": _select(action, item),
        "dynamodb:returnvalues": _value(item, "ReturnValues"),
        "dynamodb:enclosingoperation": _value(item, "EnclosingOperation"),
    }
    return Permission(f"dynamodb:{action}", _resource(call, item), known)


def _union(found: Iterable[Values]) -> Values:
    return tuple(dict.fromkeys(value for values in found for value in values))


def _resource(call: Call, item: Params) -> str:
    name = str(item.get("TableName") or "")
    if name:
        table = name if name.startswith("arn:") else call.arn(f"table/{name}")
        return f"{table}/index/{item['IndexName']}" if item.get("IndexName") else table
    stream = str(item.get("ShardIterator") or item.get("StreamArn") or item.get("ResourceArn") or "*")
    return stream.partition("|")[0]


def _leading_keys(backends: Backends, item: Params) -> Values:
    """Return the partition keys that an item or a query names."""
    table = backends.dynamodb.tables.get(str(item.get("TableName")).rpartition("/")[2])
    if table is None:
        return ()
    indexes = {index.name: index for index in (*table.indexes, *table.global_indexes)}
    schema = indexes[item["IndexName"]].schema if item.get("IndexName") in indexes else table.schema
    key = next(part["AttributeName"] for part in schema if part["KeyType"] == "HASH")
    attributes = item.get("Key") or item.get("Item") or {}
    if key in attributes:
        return (_plain(attributes[key]),)
    return _queried_keys(item, key)


def _queried_keys(item: Params, key: str) -> Values:
    condition = (item.get("KeyConditions") or {}).get(key)
    if condition:
        return tuple(_plain(value) for value in condition["AttributeValueList"])
    names: Params = item.get("ExpressionAttributeNames") or {}
    values: Params = item.get("ExpressionAttributeValues") or {}
    found = re.findall(r"(#?[\w.-]+)\s*=\s*(:\w+)", item.get("KeyConditionExpression") or "")
    return tuple(_plain(values[value]) for name, value in found if names.get(name, name) == key and value in values)


def _plain(value: Mapping[str, Any]) -> str:
    return str(next(iter(value.values())))


def _attributes(item: Params) -> Values:
    """Return the top-level attributes that a request names."""
    names: Params = item.get("ExpressionAttributeNames") or {}
    text = " ".join(str(item.get(expression) or "") for expression in (*_EXPRESSIONS, "KeyConditionExpression"))
    words = [word for word in _WORDS.findall(re.sub(r"\.[#\w-]+|\[\d+\]", "", text)) if not _RESERVED.fullmatch(word)]
    found = dict.fromkeys(str(names.get(word, word)) for word in words)
    for param in ("Key", "Item", "Expected", "KeyConditions", "AttributeUpdates", "AttributesToGet"):
        found |= dict.fromkeys(item.get(param) or ())
    return tuple(found)


def _select(action: str, item: Params) -> Values:
    if action not in ("Query", "Scan"):
        return ()
    named = item.get("ProjectionExpression") or item.get("AttributesToGet")
    every = "ALL_PROJECTED_ATTRIBUTES" if item.get("IndexName") else "ALL_ATTRIBUTES"
    return (str(item.get("Select") or ("SPECIFIC_ATTRIBUTES" if named else every)),)


def _value(item: Params, name: str) -> Values:
    return (str(item[name]),) if item.get(name) else ()


def _statements(params: Params) -> list[str]:
    listed = params.get("Statements") or params.get("TransactStatements") or ()
    return [params["Statement"]] if "Statement" in params else [each["Statement"] for each in listed]


def _partiql(call: Call, statement: str) -> Permission:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html."""
    found = _PARTIQL.match(statement)
    if not found:
        raise UnsupportedPolicyError(f"The table of this PartiQL statement cannot be found: {statement}")
    verb = {"EXISTS": "SELECT"}.get(found["verb"].upper(), found["verb"].upper())
    table = {"TableName": found["table"], "IndexName": found["index"]}
    return Permission(f"dynamodb:PartiQL{verb.capitalize()}", _resource(call, table))


REQUIRED = {"dynamodb": required}
