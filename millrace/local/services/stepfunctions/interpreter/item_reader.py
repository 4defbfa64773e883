"""Where the items of a distributed Map come from.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

from millrace.local.core.http import MAX_OBJECT_BYTES
from millrace.local.services.stepfunctions.interpreter.definition import ItemReader, MapState, Resource
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.forks import Item
from millrace.local.services.stepfunctions.interpreter.visit import Visit

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_MAX_ITEMS = 100_000_000
_FAILED = "States.ItemReaderFailed"


def read_items(visit: Visit, given: Any) -> Steps:
    """Return the items that ItemReader reads. Raises States.ItemReaderFailed."""
    reader = cast("ItemReader", cast("MapState", visit.state).item_reader)
    parameters = visit.evaluate(reader.arguments, visit.data(given)) if reader.arguments else {}
    most = visit.integer(reader.max_items) or _MAX_ITEMS
    try:
        if reader.resource.action == "listObjectsV2":
            found = yield from _listed(visit, reader.resource, parameters)
        else:
            found = yield from _loaded(visit, reader, parameters)
    except StateError as error:
        raise StateError(_FAILED, error.cause) from error
    except (ValueError, KeyError, TypeError, csv.Error, OSError, EOFError, RecursionError, zlib.error) as error:
        raise StateError(_FAILED, str(error)) from error
    return [_item(index, value) for index, value in enumerate(found[:most])]


def _item(index: int, value: Any) -> Item:
    return {"Index": index, "Value": value}


def call(visit: Visit, resource: Resource, parameters: Any) -> Steps:
    """Call S3 with the role of the state machine; return the response, with a body as bytes."""
    execution = visit.branch.execution
    request = Call(execution.caller, visit.state.name, resource, parameters, raw=True)
    return (yield execution.environment.integrations.call(request))


def _listed(visit: Visit, resource: Resource, parameters: dict[str, Any]) -> Steps:
    found: list[Any] = []
    token: dict[str, Any] = {}
    while True:
        page = yield from call(visit, resource, {**parameters, **token})
        found += [_object(each) for each in page.get("Contents") or []]
        if not page.get("NextContinuationToken"):
            return found
        token = {"ContinuationToken": page["NextContinuationToken"]}


def _object(found: dict[str, Any]) -> dict[str, Any]:
    names = ("Key", "Size")
    rest = {"Etag": found["ETag"], "StorageClass": found.get("StorageClass", "STANDARD")}
    rest["LastModified"] = int(found["LastModified"].timestamp())
    return {**rest, **{name: found[name] for name in names}}


def _loaded(visit: Visit, reader: ItemReader, parameters: dict[str, Any]) -> Steps:
    body = (yield from call(visit, reader.resource, parameters))["Body"]
    if reader.input_type == "MANIFEST":
        return (yield from _inventory(visit, reader.resource, json.loads(body)))
    return _READERS[reader.input_type or "JSON"](body.decode("utf-8-sig"), reader)


def _inventory(visit: Visit, resource: Resource, manifest: dict[str, Any]) -> Steps:
    """Return the rows of the files of an S3 inventory.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
    """
    if manifest["fileFormat"] != "CSV":
        raise ValueError(f"The local cloud reads inventories in CSV, not in {manifest['fileFormat']}.")
    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    bucket = manifest["destinationBucket"].removeprefix("arn:aws:s3:::")
    rows: list[Any] = []
    for file in manifest["files"]:
        body = (yield from call(visit, resource, {"Bucket": bucket, "Key": file["key"]}))["Body"]
        rows += _rows(csv.reader(io.StringIO(_unpacked(body).decode())), headers)
    return rows


def _unpacked(body: bytes) -> bytes:
    """Return the content of a gzip file. Raises ValueError if it is larger than an object of the local cloud."""
    with gzip.open(io.BytesIO(body)) as file:
        content = file.read(MAX_OBJECT_BYTES + 1)
    if len(content) > MAX_OBJECT_BYTES:
        raise ValueError(f"A file of the inventory has more than {MAX_OBJECT_BYTES} bytes when it is unpacked.")
    return content


def _from_json(text: str, reader: ItemReader) -> list[Any]:
    node = json.loads(text)
    for part in (reader.items_pointer or "").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node[int(key)] if isinstance(node, list) else node[key]
    if isinstance(node, dict):
        return [{"Key": key, "Value": value} for key, value in node.items()]
    if not isinstance(node, list):
        raise TypeError("Attempting to map over non-iterable node.")
    return node


def _from_lines(text: str, _reader: ItemReader) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _from_csv(text: str, reader: ItemReader) -> list[Any]:
    rows = csv.reader(io.StringIO(text), delimiter=_DELIMITERS[reader.csv_delimiter])
    headers = list(reader.csv_headers) if reader.csv_header_location == "GIVEN" else next(rows, [])
    if len(set(headers)) < len(headers):
        raise ValueError("CSV headers cannot contain duplicates.")
    return _rows(rows, headers)


def _rows(rows: Iterator[list[str]], headers: list[str]) -> list[Any]:
    """Return objects. A short row has empty values, and further values of a long one are left out."""
    blanks = [""] * len(headers)
    return [dict(zip(headers, islice([*row, *blanks], len(headers)), strict=True)) for row in rows if row]


_READERS: dict[str, Callable[[str, ItemReader], list[Any]]] = {
    "CSV": _from_csv,
    "JSON": _from_json,
    "JSONL": _from_lines,
}
