"""HTTP proxy integrations: pass a request to a URL of this machine.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html
"""

import asyncio
import re
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from millrace.local.core.http import Request, Response
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.errors import HttpError, internal_error
from millrace.local.services.apigatewayv2.parameter_mapping import mapped_request
from millrace.local.services.apigatewayv2.payloads import HOP_BY_HOP
from millrace.local.services.eventbridge import HttpRequest, NotLoopbackError, parse_loopback_url, send

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_PARAMETER = re.compile(r"\{(\w+)\+?\}")
_OF_STAGE = re.compile(r"\$\{stageVariables\.(\w+)\}")


def not_loopback(uri: str) -> str | None:
    """Return why the local cloud does not call a URI; None if it does, or if stage variables decide."""
    if _OF_STAGE.search(uri):
        return None
    try:
        parse_loopback_url(uri)
    except (NotLoopbackError, ValueError) as error:
        return str(error)
    return None


async def respond(_region: "AccountRegion", call: Call) -> Response:
    """Return the response of an HTTP endpoint. Raises HttpError."""
    integration = call.integration
    request = mapped_request(call, integration.request_parameters or {})
    url, headers = _url(call, request), {name: text for name, text in request.headers.items() if name not in _OWN}
    method = integration.integration_method or "ANY"
    sent = HttpRequest(request.method if method == "ANY" else method, url, headers, request.body)
    try:
        answer = await asyncio.to_thread(send, sent, integration.timeout_in_millis / 1000)
    except NotLoopbackError as error:
        raise internal_error(str(error)) from error
    except (OSError, HTTPException) as error:
        raise HttpError(503, "Service Unavailable", f"{url} did not respond: {error}") from error
    kept = tuple((name, text) for name, text in answer.headers.items() if name not in HOP_BY_HOP)
    return Response(answer.status, answer.body, kept)


_OWN = HOP_BY_HOP | {"host"}


def _url(call: Call, request: Request) -> str:
    """Return the URL of the integration with its parameters, the mapped path and the query string."""
    uri = _OF_STAGE.sub(lambda found: call.context.variables.get(found[1], ""), call.integration.integration_uri)
    uri = _PARAMETER.sub(lambda found: quote(call.context.parameters.get(found[1], "")), uri)
    parts = urlsplit(uri)
    if request.path != call.request.path:
        parts = parts._replace(path=request.path)
    return parts._replace(query="&".join(text for text in (parts.query, request.query) if text)).geturl()
