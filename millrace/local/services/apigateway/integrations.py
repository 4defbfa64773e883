"""Integrations that are no proxies: AWS services, functions with mapping templates, and mocks.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from millrace.local.core.http import Response
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigateway.templates import render
from millrace.local.services.apigatewayv2 import HttpError, call_service, function_of, internal_error, invoke
from millrace.local.services.eventbridge import HttpRequest

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

URI = re.compile(r"arn:aws:apigateway:(?P<region>[\w-]+):(?P<service>[\w-]+):(?P<kind>action|path)/(?P<rest>.*)")
SERVICES = {
    "dynamodb": "dynamodb",
    "events": "events",
    "firehose": "firehose",
    "kinesis": "kinesis",
    "s3": "s3",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
}
"""The services of integrations, with botocore's names of their models."""
_STATUS = re.compile(r"""["']?statusCode["']?\s*:\s*["']?(\d{3})""")
"""In the request of a mock, which need not be strict JSON."""
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_REQUEST = "integration.request."
_VARIABLE = re.compile(r"\{(\w+)\}")
_TIMEOUT_SECONDS = 29.0
_SECONDS_OF_PATTERN = 0.2
"""Integration responses are selected on the scheduler's thread."""
_OK = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Result:
    """What an integration returned. `text` is matched with the selection patterns."""

    body: str
    text: str
    headers: Mapping[str, str]


def unsupported(kind: str, uri: str) -> tuple[str, str] | None:
    """Return which integration the local cloud does not serve, and what it serves; None if it serves this one."""
    if kind not in ("AWS", "AWS_PROXY", "MOCK"):
        return f"AWS::ApiGateway::Method.Integration.Type {kind!r}", "use AWS, AWS_PROXY or MOCK"
    found = URI.fullmatch(uri)
    if kind == "AWS" and ":lambda:path/" not in uri and (found is None or found["service"] not in SERVICES):
        return f"the integration {uri}", f"the local cloud integrates {', '.join(('lambda', *SERVICES))}"
    return None


async def respond(region: "AccountRegion", call: Call) -> Response:
    """Return the response of an integration with mapping templates. Raises HttpError."""
    integration = call.method.method_integration
    body = _request_body(call, integration)
    if integration.integration_type == "MOCK":
        status = _STATUS.search(body)
        result = _Result("", status[1] if status else "200", {})
    elif ":lambda:path/" in integration.uri:
        result = await _function(region, call, integration, body)
    else:
        result = await _service(region, call, integration, body)
    return _response(call, integration, result)


def _request_body(call: Call, integration: Any) -> str:
    """Return the body for the integration.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
    """
    kind = call.request.headers.get("content-type", _JSON).partition(";")[0].strip()
    templates, body = integration.request_templates or {}, call.request.body.decode("utf-8", "replace")
    if kind in templates:
        return render(templates[kind], call, body)[0]
    behavior = integration.passthrough_behaviour or "WHEN_NO_MATCH"
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise HttpError(415, "Unsupported Media Type", f"no request template for {kind}")
    return body


async def _function(region: "AccountRegion", call: Call, integration: Any, body: str) -> _Result:
    function = function_of(region, integration.uri, call.arn, integration.credentials)
    outcome = await invoke(region, function, (body or "{}").encode(), _TIMEOUT_SECONDS)
    if outcome is None:
        raise internal_error(f"{function.function_name} was throttled")
    text = outcome.payload.decode()
    failed = outcome.status != "ok"
    return _Result(text, json.loads(text).get("errorMessage", "") if failed else "", {})


async def _service(region: "AccountRegion", call: Call, integration: Any, body: str) -> _Result:
    """Call a service as the role of the integration, through the endpoint of the local cloud."""
    found = URI.fullmatch(integration.uri)
    if found is None or found["service"] not in SERVICES or not integration.credentials:
        raise internal_error(f"the integration {integration.uri} is not supported, or has no credentials")
    request = _request(call, integration, found, body)
    scope = (found["region"], found["service"])
    answer = await call_service(region, integration.credentials, scope, request, _TIMEOUT_SECONDS)
    if answer.status != _OK:
        _log.warning("%s answered %d: %s", integration.uri, answer.status, answer.body[:500])
    return _Result(answer.body.decode(), str(answer.status), answer.headers)


def _request(call: Call, integration: Any, uri: re.Match[str], body: str) -> HttpRequest:
    """Return the request to a service: an action of its protocol, or a path."""
    parameters = integration.request_parameters or {}
    headers = {"Content-Type": _JSON, **_mapped_parameters(call, parameters, "header")}
    query = _mapped_parameters(call, parameters, "querystring")
    if uri["kind"] == "path":
        path = _path(call, uri["rest"], parameters) + (f"?{urlencode(query)}" if query else "")
        return HttpRequest(integration.http_method or "POST", path, headers, body.encode())
    from moto.core.utils import get_service_model

    metadata = get_service_model(SERVICES[uri["service"]]).metadata
    if "form" in headers["Content-Type"] or "targetPrefix" not in metadata:
        form = "&".join(part for part in (f"Action={uri['rest']}", urlencode(query), body) if part)
        return HttpRequest("POST", "/", {**headers, "Content-Type": _FORM}, form.encode())
    kind = f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}"
    target = f"{metadata['targetPrefix']}.{uri['rest']}"
    return HttpRequest("POST", "/", {"X-Amz-Target": target, **headers, "Content-Type": kind}, body.encode())


def _path(call: Call, path: str, parameters: Mapping[str, str]) -> str:
    """Return a path whose variables have the values of the parameter mapping."""
    values = _mapped_parameters(call, parameters, "path")
    filled = _VARIABLE.sub(lambda found: quote(values.get(found[1], found[0])), path)
    return f"/{filled.lstrip('/')}"


def _mapped_parameters(call: Call, parameters: Mapping[str, str], where: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping.html."""
    prefix = f"{_REQUEST}{where}."
    return {
        name.removeprefix(prefix): mapped(call, value) for name, value in parameters.items() if name.startswith(prefix)
    }


def mapped(call: Call, source: str) -> str:
    """Return the value of a parameter mapping: a text in single quotes, or a part of the request."""
    return source.strip("'") if source.startswith("'") else call.value(source)


def _response(call: Call, integration: Any, result: _Result) -> Response:
    """Return the response of the first integration response whose pattern matches, or of the default one.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html
    """
    responses = list((integration.integration_responses or {}).values())
    matching = [each for each in responses if each.selection_pattern and _selects(each.selection_pattern, result.text)]
    chosen = next(iter([*matching, *(each for each in responses if not each.selection_pattern)]), None)
    if chosen is None:
        raise internal_error(f"no integration response matches {result.text!r}")
    template = (chosen.response_templates or {}).get(_JSON)
    body, status = render(template, call, result.body) if template else (result.body, None)
    return Response(
        status or int(chosen.status_code), body.encode(), (("content-type", _JSON), *_of_response(chosen, result))
    )


def _selects(pattern: str, text: str) -> bool:
    """Return whether a pattern matches the whole text: an error message, which a caller can have chosen."""
    import regex  # takes 20 ms; few APIs have selection patterns

    try:
        return regex.fullmatch(pattern, text, regex.DOTALL, timeout=_SECONDS_OF_PATTERN) is not None
    except TimeoutError as error:
        raise internal_error(f"the selection pattern {pattern!r} takes more than {_SECONDS_OF_PATTERN} s") from error


def _of_response(chosen: Any, result: _Result) -> list[tuple[str, str]]:
    found = []
    for name, source in (chosen.response_parameters or {}).items():
        origin = source.removeprefix("integration.response.header.").lower()
        value = source.strip("'") if source.startswith("'") else result.headers.get(origin, "")
        found.append((name.removeprefix("method.response.header.").lower(), value))
    return found
