"""Parameter mapping: change a request before its integration, and the response after it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from millrace.local.core.http import Request, Response
from millrace.local.core.json_text import parsed
from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.variables import as_text, context_variables

_EXPRESSION = re.compile(r"\$(request|response|context|stageVariables)\.(.+)", re.DOTALL)
_EMBEDDED = re.compile(r"\$\{((?:request|response|context|stageVariables)\.[^}]+)\}")
_KEY = re.compile(r"(append|overwrite|remove):(?:(header|querystring)\.(.+)|(path|statuscode))")
_RESERVED = re.compile(
    r"access-control-.*|apigw-.*|authorization|connection|content-(encoding|length|location)|forwarded|keep-alive"
    r"|origin|proxy-authenticat(e|ion)|proxy-authorization|te|trailers|transfer-encoding|upgrade|x-amz-.*|x-amzn-.*"
    r"|x-forwarded-(for|host|proto)|via",
    re.IGNORECASE,
)
_JSON_PATH_BYTES = 100 * 1024
"""API Gateway truncates a longer body before it applies a JSON path."""


def resolve(source: str, call: Call, response: Response | None = None) -> str | None:
    """Return the value of an expression, or of a text with expressions in `${}`; None if one has no value."""
    found = _EXPRESSION.fullmatch(source)
    if found:
        return _value(found[1], found[2], call, response)
    values = {name: resolve(f"${name}", call, response) for name in _EMBEDDED.findall(source)}
    if None in values.values():
        return None
    return _EMBEDDED.sub(lambda match: _escaped(str(values[match[1]]), source), source)


def _escaped(value: str, source: str) -> str:
    """Return a value for a text; escaped if the text is JSON, in which expressions stand between quotes."""
    return json.dumps(value, ensure_ascii=False)[1:-1] if source.lstrip().startswith(("{", "[")) else value


def _value(kind: str, name: str, call: Call, response: Response | None) -> str | None:
    if kind == "context":
        return context_variables(call.context, call.request).get(name)
    if kind == "stageVariables":
        return call.context.variables.get(name)
    if kind == "request":
        return _of_request(name, call)
    return None if response is None else _of_response(name, response)


def _of_request(name: str, call: Call) -> str | None:
    where, _, key = name.partition(".")
    if where == "header":
        return call.request.headers.get(key.lower())
    if where == "querystring":
        return ",".join(value for each, value in _query(call.request) if each == key) or None
    if where == "path":
        return call.context.parameters.get(key) if key else call.path_in_stage
    return _of_body(key, call.request.body) if where == "body" else None


def _of_response(name: str, response: Response) -> str | None:
    where, _, key = name.partition(".")
    if where == "header":
        return ",".join(value for each, value in response.headers if each == key.lower()) or None
    return _of_body(key, response.body) if where == "body" else None


def _of_body(path: str, body: bytes) -> str | None:
    if not path:
        return body.decode("utf-8", "replace") or None
    try:
        found = find(parsed(body[:_JSON_PATH_BYTES]), f"$.{path}")
    except JsonPathError:
        return None
    return None if found is MISSING else as_text(found)


def _query(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.query, keep_blank_values=True)


def mapped_request(call: Call, mappings: Mapping[str, str]) -> Request:
    """Return the request for the integration. A mapping without a value changes nothing."""
    request, headers, query = call.request, dict(call.request.headers), _query(call.request)
    for change in _changes(mappings):
        value = None if change.action == "remove" else resolve(change.source, call)
        if change.action != "remove" and value is None:
            continue
        if change.kind == "path":
            request = replace(request, path=str(value))
        elif change.kind == "header":
            headers = dict(_changed(list(headers.items()), change, value))
        else:
            query = _changed(query, change, value)
    if query != _query(request):
        request = replace(request, query=urlencode(query))
    return replace(request, headers=headers)


def mapped_response(call: Call, mappings: Mapping[str, str], response: Response) -> Response:
    """Return the response for the client."""
    status, headers = response.status, list(response.headers)
    for change in _changes(mappings):
        value = None if change.action == "remove" else resolve(change.source, call, response)
        if change.kind == "statuscode":
            status = int(value) if value and value.isdecimal() else status
        elif change.action == "remove" or value is not None:
            headers = _changed(headers, change, value)
    return replace(response, status=status, headers=tuple(headers))


@dataclass(frozen=True)
class _Change:
    """One mapping: what to do with which parameter. `kind` is header, querystring, path or statuscode."""

    action: str
    kind: str
    name: str
    source: str


def _changes(mappings: Mapping[str, str]) -> list[_Change]:
    found = [(_KEY.fullmatch(key), source) for key, source in mappings.items()]
    return [
        _Change(key[1], key[2] or key[4], (key[3] or "").lower() if key[2] == "header" else key[3] or "", source)
        for key, source in found
        if key
    ]


def _changed(pairs: list[tuple[str, str]], change: _Change, value: str | None) -> list[tuple[str, str]]:
    """Return headers or parameters after a change. Headers join appended values with a comma."""
    others = [pair for pair in pairs if pair[0] != change.name]
    if value is None:
        return others
    before = [text for name, text in pairs if name == change.name]
    if change.action == "overwrite" or not before:
        return [*others, (change.name, value)]
    if change.kind == "header":
        return [*others, (change.name, ",".join([*before, value]))]
    return [*pairs, (change.name, value)]


def invalid_mapping(integration: Mapping[str, Any]) -> str | None:
    """Return why API Gateway rejects the parameter mappings of an integration in CloudFormation's form."""
    given = [(key, "path") for key in integration.get("RequestParameters") or {}]
    for mappings in (integration.get("ResponseParameters") or {}).values():
        given += [(key, "statuscode") for key in mappings]
    return next((reason for key, only in given if (reason := _invalid_key(key, only))), None)


def _invalid_key(key: str, only: str) -> str | None:
    found = _KEY.fullmatch(key)
    if found is None or (found[4] and (found[1] != "overwrite" or found[4] != only)):
        return f"Invalid mapping expression specified: {key}"
    if found[2] == "querystring" and only == "statuscode":
        return f"Invalid mapping expression specified: {key}"
    if found[2] == "header" and _RESERVED.fullmatch(found[3]):
        return f"Operations on header {found[3]} are restricted"
    return None
