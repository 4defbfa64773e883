"""Access logs of a stage: one line per request, in the format of the stage.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""

import re
import uuid

from millrace.local.core.backends import Backends
from millrace.local.core.http import Request, Response
from millrace.local.services.apigatewayv2.payloads import Context

_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")


def write(backends: Backends, settings: dict[str, str], context: Context, request: Request, response: Response) -> None:
    """Write the line of one request, if the log group exists."""
    group = settings["destinationArn"].split("log-group:")[1].removesuffix(":*")
    if group not in backends.logs.groups:
        return
    values = _variables(context, request, response)
    line = _VARIABLE.sub(lambda found: values.get(found[1], "-"), settings["format"])
    stream = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{context.api}/{context.stage}"))
    if stream not in backends.logs.groups[group].streams:
        backends.logs.create_log_stream(group, stream)
    backends.logs.put_log_events(group, stream, [{"timestamp": int(context.received * 1000), "message": line}])


def _variables(context: Context, request: Request, response: Response) -> dict[str, str]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html."""
    return {
        "accountId": context.account,
        "apiId": context.api,
        "domainName": context.domain,
        "domainPrefix": context.api,
        "httpMethod": request.method,
        "identity.sourceIp": "127.0.0.1",
        "identity.userAgent": request.headers.get("user-agent", "-"),
        "path": context.path,
        "protocol": "HTTP/1.1",
        "requestId": context.request_id,
        "requestTime": context.time,
        "requestTimeEpoch": str(int(context.received * 1000)),
        "responseLength": str(len(response.body)),
        "routeKey": context.route_key,
        "stage": context.stage,
        "status": str(response.status),
    }
