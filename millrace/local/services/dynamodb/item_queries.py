"""Queries of whole partitions by key. Those with an index, a filter or pages are left to moto.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from millrace.local.services.dynamodb.attribute_values import UnsupportedRequestError
from millrace.local.services.dynamodb.item_expressions import PLACEHOLDERS, Scope, compile_condition, placeholders

QUERY = frozenset({"TableName", "KeyConditionExpression", "ConsistentRead", "ScanIndexForward", *PLACEHOLDERS})
"""The parameters that are supported."""
_CONDITION = re.compile(
    r"""\s* (?P<partition> [#\w]+ ) \s* = \s* (?P<value> :\w+ ) \s*
    (?: \b AND \s+ (?:
        (?P<compared> [#\w]+ ) \s* (?: = | < | <= | > | >= ) \s* :\w+
        | begins_with \s* \( \s* (?P<begins> [#\w]+ ) \s* , \s* :\w+ \s* \)
        | (?P<between> [#\w]+ ) \s+ BETWEEN \s+ :\w+ \s+ AND \s+ :\w+
    ) \s* )?""",
    re.VERBOSE,
)


def queried(table: Any, params: dict[str, Any]) -> Iterable[Any]:
    """Return the items of a query in the order of their sort keys. Raises UnsupportedRequestError."""
    text, forward = params.get("KeyConditionExpression"), params.get("ScanIndexForward", True)
    found = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    names, values = placeholders(params)
    if found is None or not isinstance(forward, bool):
        raise UnsupportedRequestError
    compiled = compile_condition(found[0])
    if compiled.placeholders != names.keys() | values.keys():
        raise UnsupportedRequestError
    _check_keys(table, found, names)
    items = _partition(table, values[found["value"]])
    chosen = [item for item in items if compiled.condition(Scope(item.attrs, names, values))]
    return chosen if forward else reversed(chosen)


def _check_keys(table: Any, found: re.Match[str], names: dict[str, str]) -> None:
    sort = found["compared"] or found["begins"] or found["between"]
    partition, sort = (names.get(name, name) if name else None for name in (found["partition"], sort))
    is_text = not found["begins"] or table.range_key_type == "S"
    if partition != table.hash_key_attr or sort not in (None, table.range_key_attr) or not is_text:
        raise UnsupportedRequestError


def _partition(table: Any, value: Any) -> list[Any]:
    """Return all items with a partition key, in the order of their sort keys."""
    if value.type != table.hash_key_type or not value.value or table.range_key_type not in (None, "S", "N"):
        raise UnsupportedRequestError
    found = table.items.get(value)
    if found is None or not table.range_key_attr:
        return [] if found is None else [found]
    convert: Any = Decimal if table.range_key_type == "N" else str.encode
    return sorted(found.values(), key=lambda item: convert(item.range_key.value))
