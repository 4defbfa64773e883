"""Sensitive fields of events: marking them, redacting their values in errors, and masking events that are shown.

https://docs.aws.amazon.com/powertools/python/latest/utilities/data_masking/
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_masking import DataMasking

    from millrace.events.catalog import Catalog
    from millrace.events.event import Event

MASK: Final = "*****"
"""The mask of Powertools' data masking."""
EACH: Final = "*"
"""The part of a path for each item of a list, and each value of an object with free keys."""
MIN_REDACTED: Final = 3
"""Minimum length of a value that is redacted in texts."""
Path = tuple[str, ...]
_DETAIL = ("metadata", "claim", "data")


class Sensitive:
    """Marks a field as secret or personal: `card: Annotated[str, Sensitive()]`, also in nested models and lists.

    Logs, traces, errors and the command line mask its value.
    """


# Fields


@cache
def marked(model: type[BaseModel]) -> tuple[Path, ...]:
    """The paths of the sensitive values in a model's data: ("card",), ("guests", EACH, "passport")."""
    return tuple(dict.fromkeys(_in_model(model, ())))


def values_at(data: Any, path: Path) -> Iterator[Any]:
    """The values at a path."""
    if not path:
        yield data
    elif path[0] == EACH and isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from values_at(each, path[1:])
    elif isinstance(data, dict) and path[0] in data:
        yield from values_at(data[path[0]], path[1:])


def leaves(data: Any) -> Iterator[Any]:
    """All scalar values in data."""
    inner: Iterable[Any] = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    if not isinstance(data, dict | list):
        yield data
    for each in inner:
        yield from leaves(each)


def shown(sensitive: frozenset[str] | None, loc: tuple[Any, ...], value: object) -> object:
    """An invalid value for an error message, masked if it is or contains a sensitive field.

    If the sensitive fields are unknown (None), every value is masked.
    """
    if sensitive is None:
        return MASK
    hidden = loc[0] in sensitive if loc else bool(sensitive)
    return MASK if hidden or (sensitive and isinstance(value, dict) and sensitive & value.keys()) else value


def type_and_size(value: object) -> str:
    """A description of a value with unknown content for an error message: `dict of 3`, `int`."""
    size = f" of {len(value)}" if isinstance(value, str | bytes | list | dict) else ""
    return f"{type(value).__name__}{size}"


def _in_model(model: type[BaseModel], above: tuple[type[BaseModel], ...]) -> Iterator[Path]:
    for name, known in model.model_fields.items():
        if _is_marked(known.metadata):
            yield (name,)
        else:
            yield from ((name, *path) for path in _in_type(known.annotation, (*above, model)))


def _in_type(hint: Any, above: tuple[type[BaseModel], ...]) -> Iterator[Path]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield from _in_recursive(hint) if hint in above else _in_model(hint, above)
        return
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from [()] if _is_marked(inner[1:]) else _in_type(inner[0], above)
    elif origin in (Union, UnionType):
        yield from (path for each in inner for path in _in_type(each, above))
    elif origin is not None:
        yield from ((EACH, *path) for each in inner for path in _in_type(each, above))


def _in_recursive(model: type[BaseModel]) -> Iterator[Path]:
    """A model inside itself is masked as a whole if any of its fields is marked."""
    if any(_is_marked(known.metadata) for known in model.model_fields.values()):
        yield ()


def _is_marked(metadata: Iterable[Any]) -> bool:
    return any(isinstance(each, Sensitive) for each in metadata)


# Errors and texts


def redact(text: str, secrets: Iterable[Any]) -> str:
    """The text without the values, in plain, `repr` and JSON notation."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= MIN_REDACTED}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


@contextmanager
def redacting(secrets: Callable[[], Iterable[Any]]) -> Iterator[None]:
    """Redact values in exceptions. `secrets` is only called after an exception.

    The exception keeps its type, traceback and causes. If its text still contains a value, an exception of a subclass
    with a redacted text is raised instead.
    """
    try:
        yield
    except Exception as error:
        hidden = list(secrets())
        if not hidden or _redacted(error, hidden):
            raise
        raise _replacement(error, hidden) from None


def _redacted(error: BaseException, secrets: list[Any]) -> bool:
    """Redact an exception and its causes. False if its text still contains a value."""
    error.args = tuple(_redacted_argument(argument, secrets) for argument in error.args)
    if hasattr(error, "__notes__"):
        error.__notes__ = [redact(note, secrets) for note in error.__notes__]
    for name in ("__cause__", "__context__"):
        cause = getattr(error, name)
        if cause is not None and not _redacted(cause, secrets):
            setattr(error, name, None)
    for each in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        _redacted(each, secrets)
    return redact(str(error), secrets) == str(error)


def _replacement(error: Exception, secrets: list[Any]) -> Exception:
    """An exception of a subclass with the same name and a redacted text."""
    text = redact(str(error), secrets)
    if isinstance(error, ExceptionGroup):
        return ExceptionGroup(text, error.exceptions).with_traceback(error.__traceback__)
    kind: type[Exception] = type(type(error).__name__, (type(error),), {"__str__": lambda _: text})
    return kind.__new__(kind, text).with_traceback(error.__traceback__)


def _redacted_argument(argument: Any, secrets: list[Any]) -> Any:
    text = argument if isinstance(argument, str) else repr(argument)
    redacted = redact(text, secrets)
    return argument if redacted == text else redacted


def _forms(secret: Any) -> Iterator[str]:
    if secret is None or isinstance(secret, bool):
        return
    text = str(secret)
    yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1])


# Whole events


def masked(content: Any, catalog: "Catalog") -> Any:
    """A dead letter or payload with each event in it masked: in lists, in JSON strings and in stream records.

    The data of an event without a contract, or of one that violates its contract, is masked as a whole.
    """
    if isinstance(content, list):
        return [masked(each, catalog) for each in content]
    if isinstance(content, str):
        return _masked_text(content, catalog)
    if not isinstance(content, dict):
        return content
    event = catalog.of(content)
    if marked(event) if event else _is_undeclared(content):
        return {name: _masked_detail(value, event) if name == "detail" else value for name, value in content.items()}
    return {name: _masked_member(name, value, catalog) for name, value in content.items()}


def sensitive_values(envelope: Any, catalog: "Catalog") -> list[Any]:
    """The sensitive values in an envelope."""
    event = catalog.of(envelope)
    detail = envelope.get("detail")
    data = detail.get("data") if isinstance(detail, dict) else None
    return [leaf for path in (marked(event) if event else ()) for at in values_at(data, path) for leaf in leaves(at)]


def _is_undeclared(content: dict[str, Any]) -> bool:
    """Whether it is an event without a contract, which is not one of AWS."""
    return "detail-type" in content and "detail" in content and not str(content.get("source")).startswith("aws.")


def _masked_detail(detail: Any, event: "type[Event] | None") -> Any:
    """Only data in the current version of its contract is masked by field."""
    if not isinstance(detail, dict):
        return MASK
    metadata = detail.get("metadata")
    version = metadata.get("version", 1) if isinstance(metadata, dict) else None
    visible = {name: value if name in _DETAIL else MASK for name, value in detail.items()}
    if event is None or version != event.contract.version or not isinstance(detail.get("data"), dict):
        return visible | {"data": MASK}
    return visible | {"data": _erased(detail["data"], event)}


def _erased(data: dict[str, Any], event: "type[Event]") -> Any:
    """Erase the paths that exist: Powertools warns about missing ones. Its syntax is that of jsonpath-ng."""
    paths = [path for path in marked(event) if any(True for _ in values_at(data, path))]
    fields = [".".join(f'"{name}"' for name in path).replace(f'."{EACH}"', "[*]") for path in paths]
    return _masking().erase(data, fields=fields) if fields else data


def _masked_member(name: str, value: Any, catalog: "Catalog") -> Any:
    """A member of an object. The data of a stream record is base64."""
    if name == "kinesis" and isinstance(value, dict) and isinstance(value.get("data"), str):
        content = _masked_text(base64.b64decode(value["data"]).decode(errors="replace"), catalog)
        return value | {"data": base64.b64encode(content.encode()).decode()}
    return masked(value, catalog)


def _masked_text(text: str, catalog: "Catalog") -> str:
    """A string. JSON is serialised again if an event in it is masked."""
    if not text.startswith(("{", "[")):
        return text
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text  # no JSON, so no event
    visible = masked(content, catalog)
    return text if visible == content else json.dumps(visible, ensure_ascii=False)


@cache
def _masking() -> "DataMasking":
    from aws_lambda_powertools.utilities.data_masking import DataMasking  # noqa: PLC0415 - 70 ms, for jsonpath-ng

    return DataMasking(raise_on_missing_field=False)
