"""Where the items of a distributed Map come from.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import csv
import io
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.services.stepfunctions.asl.calls import boto_client
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.templates import evaluated

_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
_MOST_ITEMS = 100_000_000

Config = dict[str, Any]


def read(env: Env, state: Any, given: Any) -> list[Any]:
    """The items of a Map state. Raises States.ItemReaderFailed."""
    reader = given.item_reader
    if not reader:
        items: list[Any] = given.input_items
        return items
    config = evaluated(env, state, state.millrace["ReaderConfig"]) if "ReaderConfig" in state.millrace else {}
    parameters: Config = {}
    if reader.parargs:
        reader.parargs.eval(env)
        parameters = env.stack.pop()
    try:
        found = _listed(parameters) if reader.resource.api_action == "listObjectsV2" else _loaded(parameters, config)
    except (ClientError, ValueError, KeyError, csv.Error) as error:
        raise failure(env, "States.ItemReaderFailed", str(error)) from error
    return found[: config.get("MaxItems") or _MOST_ITEMS]


def _listed(parameters: Config) -> list[Any]:
    pages = boto_client("s3").get_paginator("list_objects_v2").paginate(**parameters)
    return [
        {
            "Etag": each["ETag"],
            "Key": each["Key"],
            "LastModified": int(each["LastModified"].timestamp()),
            "Size": each["Size"],
            "StorageClass": each.get("StorageClass", "STANDARD"),
        }
        for page in pages
        for each in page.get("Contents", [])
    ]


def _loaded(parameters: Config, config: Config) -> list[Any]:
    text = boto_client("s3").get_object(**parameters)["Body"].read().decode("utf-8-sig")
    return _READERS[config.get("InputType", "JSON")](text, config)


def _from_json(text: str, config: Config) -> list[Any]:
    node = json.loads(text)
    for part in str(config.get("ItemsPointer", "")).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node[int(key)] if isinstance(node, list) else node[key]
    if isinstance(node, dict):
        return [{"Key": key, "Value": value} for key, value in node.items()]
    if not isinstance(node, list):
        raise ValueError("Attempting to map over non-iterable node.")  # noqa: TRY004 - reported as ItemReaderFailed
    return node


def _from_lines(text: str, _config: Config) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _from_csv(text: str, config: Config) -> list[Any]:
    rows = csv.reader(io.StringIO(text), delimiter=_DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    given = config.get("CSVHeaderLocation", "FIRST_ROW") == "GIVEN"
    headers = config["CSVHeaders"] if given else next(rows, [])
    if len(set(headers)) < len(headers):
        raise ValueError("CSV headers cannot contain duplicates.")
    return [dict(zip(headers, islice([*row, *[""] * len(headers)], len(headers)), strict=True)) for row in rows if row]


_READERS: dict[str, Callable[[str, Config], list[Any]]] = {"CSV": _from_csv, "JSON": _from_json, "JSONL": _from_lines}
