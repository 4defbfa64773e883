"""apigateway:invoke and http:invoke, on loopback.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html
https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
"""

import http
import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from millrace.local.services.eventbridge import HttpRequest, HttpResponse, NotLoopbackError, key_headers, send
from millrace.local.services.iam import Iam
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import RUNTIME, StateError
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.integrations.background import Background
from millrace.local.services.stepfunctions.interpreter.pending import Pending, failed

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_HTTP_SECONDS, _API_SECONDS = 60.0, 30.0
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_OK = range(200, 300)
_JSON = "application/json"


def invoke_api(region: "AccountRegion", background: Background, call: Call) -> Pending:
    """Call an HTTP API of the local cloud, signed with the role of the state machine if AuthType is IAM_ROLE."""
    given = call.parameters
    api = str(given["ApiEndpoint"]).partition(".")[0]
    stage = str(given.get("Stage") or "$default")
    path = "/".join(part.strip("/") for part in ("" if stage == "$default" else stage, given.get("Path") or "") if part)
    query = urlencode(given.get("QueryParameters") or {}, doseq=True)
    url = f"{_endpoint()}/_aws/execute-api/{api}/{quote(path, safe='/%')}{'?' + query if query else ''}"
    headers = {name: _joined(value) for name, value in (given.get("Headers") or {}).items()}
    request = HttpRequest(given["Method"], url, {"Accept": _JSON, **headers}, _body(given))
    if given.get("AuthType") == "IAM_ROLE":
        request = _signed(region, call, request)

    def run() -> Any:
        response = _sent(request, _API_SECONDS, "ApiGateway.SdkClientException")
        if response.status not in _OK:
            raise StateError(f"ApiGateway.{response.status}", response.body.decode(errors="replace"))
        return _output(response)

    return background.run(run, f"call of {api}")


def invoke_http(region: "AccountRegion", background: Background, call: Call) -> Pending:
    """Call a URL of this machine, with the headers of an EventBridge connection."""
    given = call.parameters
    arn = (given.get("Authentication") or given.get("InvocationConfig") or {}).get("ConnectionArn", "")
    connection = region.backends.events.connections.get(arn.partition(":connection/")[2].partition("/")[0])
    if connection is None:
        return failed(StateError("Events.ConnectionResource.InvalidConnectionState", f"No connection {arn!r}."))
    if connection.authorization_type not in ("BASIC", "API_KEY"):
        cause = f"The local cloud calls HTTP endpoints with BASIC and API_KEY connections only: {arn}."
        return failed(StateError(RUNTIME, cause))
    query = urlencode(given.get("QueryParameters") or {}, doseq=True)
    url = f"{given['ApiEndpoint']}{'?' + query if query else ''}"
    headers = {name: _joined(value) for name, value in (given.get("Headers") or {}).items()}
    headers |= key_headers(connection.authorization_type, connection.auth_parameters)
    request = HttpRequest(
        given["Method"], url, {"User-Agent": "Amazon|StepFunctions|HttpInvoke", **headers}, _body(given)
    )

    def run() -> Any:
        response = _sent(request, _HTTP_SECONDS, "States.Http.Socket")
        if response.status not in _OK:
            raise StateError(f"States.Http.StatusCode.{response.status}", response.body.decode(errors="replace"))
        return _output(response)

    return background.run(run, f"call of {urlsplit(url).netloc}")


def _sent(request: HttpRequest, seconds: float, error: str) -> HttpResponse:
    try:
        return send(request, seconds)
    except (OSError, http.client.HTTPException) as failure:
        raise StateError(error, f"{request.url}: {failure}") from failure
    except NotLoopbackError as failure:
        raise StateError(RUNTIME, str(failure)) from failure


def _signed(region: "AccountRegion", call: Call, request: HttpRequest) -> HttpRequest:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    keys = region.service(Iam).access.session(call.caller.role, call.caller.machine_name)
    token = keys.get("AWS_SESSION_TOKEN")
    credentials = Credentials(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], token)
    signed = AWSRequest(request.method, request.url, headers=request.headers, data=request.body)
    SigV4Auth(credentials, "execute-api", region.name).add_auth(signed)
    return HttpRequest(request.method, request.url, dict(signed.headers.items()), request.body)


def _endpoint() -> str:
    from moto.settings import moto_server_port

    return f"http://127.0.0.1:{moto_server_port()}"


def _joined(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _body(given: dict[str, Any]) -> bytes:
    body = given.get("RequestBody")
    return b"" if body is None else (body if isinstance(body, str) else compact(body)).encode()


def _output(response: HttpResponse) -> dict[str, Any]:
    text = response.body.decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    headers = {name: [value] for name, value in response.headers.items()}
    status = response.status
    return {
        "Headers": headers,
        "ResponseBody": body,
        "StatusCode": status,
        "StatusText": http.HTTPStatus(status).phrase,
    }
