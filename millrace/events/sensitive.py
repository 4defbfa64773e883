"""Fields that no log, trace or error may show."""

from collections.abc import Iterable, Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

MASK: Final = "*****"
"""As Powertools' data masking writes it."""
EACH: Final = "*"
"""The step of a path to each item of a list, and to each value of an object with names of its own."""
Path = tuple[str, ...]


class Sensitive:
    """Marks a field as secret or personal: `card: Annotated[str, Sensitive()]`, also in a model or list within.

    Logs, traces, errors and the command line name it, and mask its value.
    """


@cache
def marked(model: type[BaseModel]) -> tuple[Path, ...]:
    """Where the marked values of a model are, in its data: ("card",), ("guests", EACH, "passport")."""
    return tuple(dict.fromkeys(_in_model(model, ())))


def values_at(data: Any, path: Path) -> Iterator[Any]:
    """What there is in data at the end of a path."""
    if not path:
        yield data
    elif path[0] == EACH and isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from values_at(each, path[1:])
    elif isinstance(data, dict) and path[0] in data:
        yield from values_at(data[path[0]], path[1:])


def leaves(data: Any) -> Iterator[Any]:
    """The plain values in data, however deep."""
    inner: Iterable[Any] = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    if not isinstance(data, dict | list):
        yield data
    for each in inner:
        yield from leaves(each)


def shown(sensitive: frozenset[str] | None, loc: tuple[Any, ...], value: object) -> object:
    """A value that broke a contract, as an error may show it; a whole that holds a sensitive field is masked, too.

    Where nobody knows which are sensitive, None, no value is shown.
    """
    if sensitive is None:
        return MASK
    hidden = loc[0] in sensitive if loc else bool(sensitive)
    return MASK if hidden or (sensitive and isinstance(value, dict) and sensitive & value.keys()) else value


def kind_of(value: object) -> str:
    """What an error says of a value of which nobody knows what it holds: `dict of 3`, `int`."""
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
        yield from _in_itself(hint) if hint in above else _in_model(hint, above)
        return
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from [()] if _is_marked(inner[1:]) else _in_type(inner[0], above)
    elif origin in (Union, UnionType):
        yield from (path for each in inner for path in _in_type(each, above))
    elif origin is not None:
        yield from ((EACH, *path) for each in inner for path in _in_type(each, above))


def _in_itself(model: type[BaseModel]) -> Iterator[Path]:
    """A model that holds itself is masked whole in there, if any of its own fields is marked."""
    if any(_is_marked(known.metadata) for known in model.model_fields.values()):
        yield ()


def _is_marked(metadata: Iterable[Any]) -> bool:
    return any(isinstance(each, Sensitive) for each in metadata)
