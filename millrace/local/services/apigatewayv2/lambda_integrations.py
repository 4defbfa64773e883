"""Lambda integrations: invoke a function with the request as its event.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import json
from types import ModuleType
from typing import TYPE_CHECKING

from millrace.local.core.http import Response
from millrace.local.services.apigatewayv2 import payload_v1, payloads
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.errors import check_size, internal_error
from millrace.local.services.apigatewayv2.functions import function_of, invoke
from millrace.local.services.apigatewayv2.parameter_mapping import mapped_request
from millrace.local.services.lambda_ import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_FORMATS: dict[str, ModuleType] = {"1.0": payload_v1, "2.0": payloads}


async def respond(region: "AccountRegion", call: Call) -> Response:
    """Return the response of a function. Raises HttpError."""
    integration = call.integration
    function = function_of(region, integration.integration_uri, call.arn, integration.credentials_arn)
    form = _FORMATS[integration.payload_format_version or "1.0"]
    request = mapped_request(call, integration.request_parameters or {})
    payload = json.dumps(form.event_of(request, call.context)).encode()
    check_size(payload, MAX_REQUEST_BYTES)
    outcome = await invoke(region, function, payload, integration.timeout_in_millis / 1000)
    if outcome is None or outcome.status != "ok":
        details = outcome and outcome.payload[:500]
        raise internal_error(f"{function.function_name} was throttled or failed: {details!r}")
    try:
        response: Response = form.response_of(outcome.payload)
    except ValueError as error:
        raise internal_error(f"{function.function_name} returned no valid response: {error}") from error
    return response
