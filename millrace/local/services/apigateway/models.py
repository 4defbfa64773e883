"""Validate request bodies with the models of a REST API, in limited time: callers choose the values.

https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
"""

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

SECONDS_OF_PATTERNS = 0.2
"""For all patterns of a request together, which is validated on the scheduler's thread."""


def model_validator(api: Any, schema: Any) -> Any:
    """Return a validator that reads no other document than the models of the API."""
    import referencing
    from jsonschema.validators import extend, validator_for

    registry: Any = referencing.Registry  # mypy does not see the arguments of its decorator
    known, patterns = validator_for(schema), _Patterns()
    limited = {
        "additionalProperties": partial(patterns.check_additional, known.VALIDATORS["additionalProperties"]),
        "pattern": patterns.check,
        "patternProperties": patterns.check_properties,
        "uniqueItems": _check_unique,
    }
    return extend(known, limited)(schema, registry=registry(retrieve=partial(_referenced, api)))


def _referenced(api: Any, uri: str) -> Any:
    """Return the model at an address. jsonschema would fetch files and web pages."""
    from referencing import Resource
    from referencing.jsonschema import DRAFT4

    prefix = f"https://apigateway.amazonaws.com/restapis/{api.id}/models/"
    model = api.models.get(uri.removeprefix(prefix)) if uri.startswith(prefix) else None
    if model is None:
        raise LookupError(f"The API has no model {uri}.")
    return Resource.from_contents(json.loads(model.schema), default_specification=DRAFT4)


class _Patterns:
    """The keywords with regular expressions. Together they have a time limit for one request."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SECONDS_OF_PATTERNS

    def check(self, _validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[Exception]:
        """Check a string."""
        if isinstance(text, str) and not self._found(pattern, text):
            yield _error(f"{text!r} does not match {pattern!r}")

    def check_properties(self, validator: Any, patterns: Any, value: Any, _schema: Any) -> Iterator[Exception]:
        """Check the properties whose names match a pattern."""
        for name in value if isinstance(value, dict) else ():
            for pattern, schema in patterns.items():
                if self._found(pattern, name):
                    yield from validator.descend(value[name], schema, path=name, schema_path=pattern)

    def check_additional(
        self, check: Any, validator: Any, allowed: Any, value: Any, schema: Any
    ) -> Iterator[Exception]:
        """Check the properties that neither a name nor a pattern of the schema matches."""
        patterns = schema.get("patternProperties", {})
        names = [name for name in (value if isinstance(value, dict) else ()) if self._any(patterns, name)]
        known = {**schema.get("properties", {}), **{name: {} for name in names}}
        yield from check(validator, allowed, value, {**schema, "properties": known, "patternProperties": {}})

    def _any(self, patterns: Any, name: str) -> bool:
        return any(self._found(pattern, name) for pattern in patterns)

    def _found(self, pattern: str, text: str) -> bool:
        import regex  # takes 20 ms; few APIs have models with patterns

        try:
            return bool(regex.search(pattern, text, timeout=max(self._end - time.monotonic(), 0.001)))
        except TimeoutError as error:
            raise ValueError(f"comparing with {pattern!r} takes more than {SECONDS_OF_PATTERNS} s") from error


def _check_unique(_validator: Any, wanted: Any, items: Any, _schema: Any) -> Iterator[Exception]:
    """Check that the items of an array differ. jsonschema compares each object with each other one."""
    if wanted and isinstance(items, list) and len({_canonical(item) for item in items}) < len(items):
        yield _error("the array has non-unique elements")


def _canonical(item: Any) -> str:
    """Return the same text for equal values: 1.0 equals 1."""
    whole = json.loads(json.dumps(item), parse_float=_number)
    return json.dumps(whole, sort_keys=True)


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _error(message: str) -> Exception:
    from jsonschema.exceptions import ValidationError

    error: Exception = ValidationError(message)
    return error
