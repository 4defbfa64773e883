"""Events as they may be shown to a person: what their contracts mark is erased, by Powertools' data masking.

https://docs.aws.amazon.com/powertools/python/latest/utilities/data_masking/
"""

import base64
import json
from functools import cache
from typing import TYPE_CHECKING, Any

from millrace.events.catalog import Catalog
from millrace.events.event import Event
from millrace.events.sensitive import EACH, MASK, Path, leaves, marked, values_at

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_masking import DataMasking

_DETAIL = ("metadata", "claim", "data")


def masked(content: Any, catalog: Catalog) -> Any:
    """What a dead letter or a payload holds, with each event in it masked: in lists, in texts of JSON, in records.

    Of one that no contract describes its data is no more shown than of one that breaks its contract.
    """
    if isinstance(content, list):
        return [masked(each, catalog) for each in content]
    if isinstance(content, str):
        return _text(content, catalog)
    if not isinstance(content, dict):
        return content
    event = catalog.of(content)
    if marked(event) if event else _is_strange(content):
        return {name: _detail(value, event) if name == "detail" else value for name, value in content.items()}
    return {name: _member(name, value, catalog) for name, value in content.items()}


def secrets_in(envelope: Any, catalog: Catalog) -> list[Any]:
    """The values in an envelope that its contract marks."""
    event = catalog.of(envelope)
    detail = envelope.get("detail")
    data = detail.get("data") if isinstance(detail, dict) else None
    return [leaf for path in (marked(event) if event else ()) for at in values_at(data, path) for leaf in leaves(at)]


def _is_strange(content: dict[str, Any]) -> bool:
    """Whether it is an event of which nobody knows what is sensitive in it; AWS's own are not."""
    return "detail-type" in content and "detail" in content and not str(content.get("source")).startswith("aws.")


def _detail(detail: Any, event: type[Event] | None) -> Any:
    """What is not of the contract's own version and form may hold anything anywhere: nothing of that is shown."""
    if not isinstance(detail, dict):
        return MASK
    metadata = detail.get("metadata")
    version = metadata.get("version", 1) if isinstance(metadata, dict) else None
    shown = {name: value if name in _DETAIL else MASK for name, value in detail.items()}
    if event is None or version != event.contract.version or not isinstance(detail.get("data"), dict):
        return shown | {"data": MASK}
    return shown | {"data": _erased(detail["data"], event)}


def _erased(data: dict[str, Any], event: type[Event]) -> Any:
    """By the paths that lead to something: of the others Powertools warns."""
    there = [path for path in marked(event) if any(True for _ in values_at(data, path))]
    return _masking().erase(data, fields=[_field(path) for path in there]) if there else data


def _field(path: Path) -> str:
    """A path as Powertools writes it, which is how jsonpath-ng does."""
    return ".".join(f'"{name}"' for name in path).replace(f'."{EACH}"', "[*]")


def _member(name: str, value: Any, catalog: Catalog) -> Any:
    """A part of an object; the data of a stream's record is base64."""
    if name == "kinesis" and isinstance(value, dict) and isinstance(value.get("data"), str):
        content = _text(base64.b64decode(value["data"]).decode(errors="replace"), catalog)
        return value | {"data": base64.b64encode(content.encode()).decode()}
    return masked(value, catalog)


def _text(text: str, catalog: Catalog) -> str:
    """A text; one that holds an event as JSON is written anew where something in it is masked."""
    if not text.startswith(("{", "[")):
        return text
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text  # no JSON, so no event
    shown = masked(content, catalog)
    return text if shown == content else json.dumps(shown, ensure_ascii=False)


@cache
def _masking() -> "DataMasking":
    from aws_lambda_powertools.utilities.data_masking import DataMasking  # noqa: PLC0415 - 70 ms, for jsonpath-ng

    return DataMasking(raise_on_missing_field=False)
