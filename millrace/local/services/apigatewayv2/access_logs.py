"""Access logs of a stage: one line per request, in the format of the stage.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""

import re
import uuid

from millrace.local.core.backends import Backends
from millrace.local.core.http import Request, Response
from millrace.local.services.apigatewayv2.payloads import Context
from millrace.local.services.apigatewayv2.variables import context_variables

_VARIABLE = re.compile(r"\$context\.(\w+(?:\.\w+)*)")


def write(backends: Backends, settings: dict[str, str], context: Context, request: Request, response: Response) -> None:
    """Write the line of one request, if the log group exists."""
    group = settings["destinationArn"].split("log-group:")[1].removesuffix(":*")
    if group not in backends.logs.groups:
        return
    of_response = {"responseLength": str(len(response.body)), "status": str(response.status)}
    values = context_variables(context, request) | of_response
    line = _VARIABLE.sub(lambda found: values.get(found[1], "-"), settings["format"])
    stream = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{context.api}/{context.stage}"))
    if stream not in backends.logs.groups[group].streams:
        backends.logs.create_log_stream(group, stream)
    backends.logs.put_log_events(group, stream, [{"timestamp": int(context.received * 1000), "message": line}])
