"""Fast answers to requests for items equal moto's."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.local.core.http import Request
from millrace.local.endpoint.moto import answer_of
from millrace.local.services.dynamodb import OPERATION_PREFIX
from millrace.local.services.dynamodb.item_requests import answer

NAMES = {"#a": "alpha", "#b": "beta", "#m": "map"}
STRINGS = st.sampled_from(["", "a", "ab", "b"]).map(lambda text: {"S": text})
NUMBERS = st.integers(-3, 12).map(lambda number: {"N": str(number)})
SETS = st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(lambda texts: {"SS": texts})
SCALARS = STRINGS | NUMBERS | st.just({"BOOL": True})  # moto takes a missing attribute for NULL
VALUES = SCALARS | SETS | st.lists(SCALARS, max_size=3).map(lambda items: {"L": items})
MAPS = st.dictionaries(st.sampled_from(["x", "y"]), VALUES).map(lambda items: {"M": items})
ITEMS = st.fixed_dictionaries(
    {"id": st.sampled_from("12").map(lambda text: {"S": text})},
    optional={"alpha": VALUES, "beta": VALUES, "map": MAPS, "stock": NUMBERS},
)
CONDITIONS = [
    "attribute_exists(#a)",
    "attribute_not_exists(id) OR #a = :v",
    "NOT (#a <> :v AND attribute_exists(#b))",
    "stock BETWEEN :n AND :n",
    "#m.x = :v",
    "contains(#a, :v)",
    "begins_with(#a, :v)",
    "stock IN (:n, :v)",
    "stock < :n or stock >= :n",
]
UPDATES = [
    "SET #a = :v",
    "SET #a = #b, #b = #a",
    "SET stock = stock + :n",
    "SET stock = if_not_exists(stock, :n) - :n REMOVE #b",
    "SET #m.x = :v",
    "SET #m.z = if_not_exists(#m.x, :v), #a = :v",
    "SET #a = list_append(if_not_exists(#a, :l), :l)",
    "REMOVE #a, #m.x",
    "ADD stock :n",
    "ADD #a :s DELETE #b :s",
    "SET #a[1] = :v",
    "SET #a = :v, #a = :n",
    "SET id = :v",
    "SET size = :v",
]
PLACEHOLDERS = {":v": VALUES, ":n": NUMBERS, ":s": SETS, ":l": st.lists(SCALARS, max_size=2).map(lambda x: {"L": x})}


@st.composite
def writes(draw):
    """Draw a PutItem, UpdateItem or DeleteItem."""
    kind = draw(st.sampled_from(["PutItem", "UpdateItem", "UpdateItem", "DeleteItem"]))
    item = draw(ITEMS)
    condition = draw(st.none() | st.sampled_from(CONDITIONS))
    update = draw(st.sampled_from(UPDATES)) if kind == "UpdateItem" else None
    text = f"{condition or ''} {update or ''}"
    params = {"Item": item} if kind == "PutItem" else {"Key": {"id": item["id"]}}
    params |= {"ConditionExpression": condition} if condition else {}
    params |= {"UpdateExpression": update, "ReturnValues": draw(st.sampled_from(["ALL_NEW", "NONE"]))} if update else {}
    names = {name: value for name, value in NAMES.items() if name in text}
    values = {name: draw(value) for name, value in PLACEHOLDERS.items() if name in text}
    params |= {"ExpressionAttributeNames": names} if names else {}
    params |= {"ExpressionAttributeValues": values} if values else {}
    return kind, params


@pytest.fixture(scope="module")
def backend():
    from moto.dynamodb.models import dynamodb_backends

    backend = dynamodb_backends["111122223333"]["us-east-1"]
    for name in ("fast", "moto"):
        create_table(backend, name, id="S")
    create_table(backend, "versions", id="S", version="N")
    create_table(backend, "names", id="S", version="S")
    index = {"IndexName": "beta", "KeySchema": [{"AttributeName": "beta", "KeyType": "HASH"}]}
    create_table(backend, "indexed", [{**index, "Projection": {"ProjectionType": "ALL"}}], id="S")
    return backend


def create_table(backend, name, indexes=(), **keys):
    kinds = dict(zip(keys, ("HASH", "RANGE"), strict=False))
    backend.create_table(
        name,
        schema=[{"AttributeName": key, "KeyType": kind} for key, kind in kinds.items()],
        throughput=None,
        attr=[{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
        global_indexes=list(indexes),
        indexes=[],
        streams={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        billing_mode="PAY_PER_REQUEST",
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )


def request(kind, params):
    headers = {
        "x-amz-target": OPERATION_PREFIX + kind,
        "content-type": "application/x-amz-json-1.0",
        "host": "127.0.0.1:1",
    }
    headers["x-moto-account-id"] = "111122223333"
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/dynamodb/aws4_request"
    return Request("POST", "/", "", headers, json.dumps(params).encode())


def content(response):
    found = json.loads(response.body)
    found.pop("ConsumedCapacity", None)
    return response.status, found


def stored(backend, table):
    return [item.to_json() for item in backend.tables[table].all_items()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(writes(), max_size=6))
def test_fast_writes_equal_those_of_moto(backend, requests):
    for table in ("fast", "moto"):
        backend.tables[table].items.clear()
    for kind, params in requests:
        fast = request(kind, {"TableName": "fast", **params})
        expected = answer_of(None, request(kind, {"TableName": "moto", **params}))
        assert content(answer(fast, backend) or answer_of(None, fast)) == content(expected), (kind, params)
    assert stored(backend, "fast") == stored(backend, "moto")


QUERIES = [
    "id = :id",
    "#id = :id AND version >= :low",
    "id=:id and version<:low",
    "id = :id AND #version BETWEEN :low AND :high",
    "version = :low AND id = :id",
    "id = :id AND other = :low",
    "id > :id",
]


@pytest.mark.parametrize(
    ("table", "condition"),
    [(table, each) for table in ("versions", "names", "fast") for each in QUERIES]
    + [("names", "id = :id AND begins_with(version, :low)")],
)
@pytest.mark.parametrize("forward", [True, False])
def test_queries_equal_those_of_moto(backend, table, condition, forward):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html."""
    kind = "N" if table == "versions" else "S"
    for each in ("10", "9", "2", "21"):
        item = {"id": {"S": "a"}, "version": {kind: each}, "list": {"L": [{"S": each}]}}
        answer(request("PutItem", {"TableName": table, "Item": item}), backend)
    values = {":id": {"S": "a"}, ":low": {kind: "2"}, ":high": {kind: "21"}}
    names = {"#id": "id", "#version": "version"}
    params = {"TableName": table, "KeyConditionExpression": condition, "ScanIndexForward": forward}
    params["ExpressionAttributeValues"] = {name: value for name, value in values.items() if name in condition}
    params |= (
        {"ExpressionAttributeNames": found} if (found := {n: v for n, v in names.items() if n in condition}) else {}
    )
    fast = request("Query", params)
    assert content(answer(fast, backend) or answer_of(None, fast)) == content(answer_of(None, fast))


def test_common_queries_need_no_moto(backend):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html."""
    values = {":id": {"S": "a"}, ":low": {"N": "3"}}
    params = {"TableName": "versions", "KeyConditionExpression": "id = :id AND version >= :low"}
    answered = answer(request("Query", {**params, "ExpressionAttributeValues": values}), backend)
    assert [item["version"]["N"] for item in content(answered)[1]["Items"]] == ["9", "10", "21"]
    assert answer(request("Query", {**params, "ExpressionAttributeValues": values, "Limit": 1}), backend) is None


def test_reads_of_a_table_with_an_index_need_no_moto(backend):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html."""
    item = {"id": {"S": "a"}, "alpha": {"N": "1"}}
    answer(request("PutItem", {"TableName": "indexed", "Item": item}), backend)
    read = answer(request("GetItem", {"TableName": "indexed", "Key": {"id": {"S": "a"}}}), backend)
    assert content(read) == (200, {"Item": item})
    with_more = {"TableName": "indexed", "Key": item}
    assert answer(request("GetItem", with_more), backend) is None


def test_a_query_of_more_than_a_megabyte_is_left_to_moto(backend):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html."""
    for version in "123":
        item = {"id": {"S": "large"}, "version": {"N": version}, "text": {"S": "x" * 390_000}}
        answer(request("PutItem", {"TableName": "versions", "Item": item}), backend)
    params = {"TableName": "versions", "KeyConditionExpression": "id = :id"}
    assert answer(request("Query", {**params, "ExpressionAttributeValues": {":id": {"S": "large"}}}), backend) is None


def test_an_update_that_creates_an_item_writes_one_insert_to_the_stream(backend):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html."""
    shard = backend.tables["fast"].stream_shard
    shard.items.clear()
    update = {"UpdateExpression": "ADD stock :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
    answer(request("UpdateItem", {"TableName": "fast", "Key": {"id": {"S": "new"}}, **update}), backend)
    images = [(each.record["eventName"], each.record["dynamodb"]["NewImage"]) for each in shard.items]
    assert images == [("INSERT", {"id": {"S": "new"}, "stock": {"N": "1"}})]
