"""Mapping templates in the Velocity Template Language, rendered by airspeed.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from millrace.local.core.json_text import parsed
from millrace.local.core.jsonpath import MISSING, find
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigatewayv2 import internal_error

_FORMATS = ("format", "format_map")


@cache
def _airspeed() -> Any:
    """Return airspeed with the methods of Java's String that it lacks, without the attributes of Python."""
    import airspeed

    airspeed.__additional_methods__[str] |= {
        "endsWith": str.endswith,
        "equals": str.__eq__,
        "isEmpty": lambda text: not text,
        "substring": lambda text, start, end=None: text[start:end],
        "toLowerCase": str.lower,
        "toString": str,
        "toUpperCase": str.upper,
    }
    by_airspeed = airspeed.NameOrCall.calculate

    def calculate(name: Any, of: Any, *args: Any) -> Any:
        """Calculate `of.name`. airspeed reads every attribute, and so would run any Python code of a template."""
        reads_internals = name.name.startswith("_") and not (isinstance(of, Mapping) and name.name in of)
        reads_by_format = name.name in _FORMATS and isinstance(of, str)
        return None if reads_internals or reads_by_format else by_airspeed(name, of, *args)

    airspeed.NameOrCall.calculate = calculate
    return airspeed


class TemplateSyntaxError(ValueError):
    """A mapping template that cannot be parsed."""


def check(template: str) -> None:
    """Raise TemplateSyntaxError for a template that is no Velocity."""
    airspeed = _airspeed()
    try:
        airspeed.Template(template).ensure_compiled()
    except airspeed.TemplateError as error:
        raise TemplateSyntaxError(str(error)) from error


def render(template: str, call: Call, body: str) -> tuple[str, int | None]:
    """Return a filled template, and the status that it sets. Raises HttpError.

    `body` is that of the request or of the integration's response.
    """
    override: dict[str, Any] = {"header": {}}
    values = {
        "context": call.context() | {"responseOverride": override},
        "input": _Input(call, body),
        "stageVariables": dict(call.stage.variables or {}),
        "util": _Util(),
    }
    airspeed = _airspeed()
    try:
        text = str(airspeed.Template(template).merge(values))
    except (airspeed.TemplateError, ValueError, TypeError) as error:
        raise internal_error(f"the mapping template fails: {error}") from error
    return text, int(override["status"]) if "status" in override else None


class _Input:
    """`$input`: the body and the parameters."""

    def __init__(self, call: Call, body: str) -> None:
        self.body = body
        self._call = call

    def path(self, path: str) -> Any:
        """Return the value at a JSONPath; an empty text if there is none."""
        found = find(parsed(self.body), path)
        return "" if found is MISSING else found

    def json(self, path: str) -> str:
        """Return the value at a JSONPath as JSON."""
        return json.dumps(self.path(path), separators=(",", ":"))

    def params(self, name: str | None = None) -> Any:
        """Return a parameter by its name in path, query string or headers, or all of them."""
        query = {key: values[-1] for key, values in self._call.query.items()}
        groups = {"path": dict(self._call.parameters), "querystring": query, "header": self._call.request.headers}
        if name is None:
            return groups
        return next((group[name] for group in groups.values() if name in group), groups["header"].get(name.lower(), ""))


class _Util:
    """`$util`. The names of its methods are AWS's."""

    def escapeJavaScript(self, text: Any) -> str:  # noqa: N802
        """Return a text escaped as in a JavaScript string."""
        return json.dumps(str(text))[1:-1].replace("'", "\\'")

    def parseJson(self, text: str) -> Any:  # noqa: N802
        """Return the value of a JSON text."""
        return json.loads(text)

    def urlEncode(self, text: Any) -> str:  # noqa: N802
        """Return a text in URL encoding."""
        return quote_plus(str(text))

    def urlDecode(self, text: str) -> str:  # noqa: N802
        """Return the text of a URL encoding."""
        return unquote_plus(text)

    def base64Encode(self, text: Any) -> str:  # noqa: N802
        """Return a text in Base64."""
        return base64.b64encode(str(text).encode()).decode()

    def base64Decode(self, text: str) -> str:  # noqa: N802
        """Return the text of a Base64."""
        return base64.b64decode(text).decode()
