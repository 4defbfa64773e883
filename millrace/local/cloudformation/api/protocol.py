"""AWS's query protocol, by botocore's model of the service.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError

from millrace.local.core.errors import ApiError
from millrace.local.core.http import Request, Response

Params = dict[str, Any]
Result = Mapping[str, Any]


def validation_error(message: str) -> ApiError:
    """Return CloudFormation's error for an invalid request."""
    return ApiError("ValidationError", message)


def parse(request: Request) -> tuple[str, Params]:
    """Return the name of the operation and its parameters."""
    from moto.core.parse import QueryParser

    values = dict(parse_qsl(f"{request.query}&{request.body.decode()}", keep_blank_values=True))
    name = values.get("Action", "")
    try:
        operation = _model().operation_model(name)
    except OperationNotFoundError:
        raise ApiError("InvalidAction", f"CloudFormation has no operation {name!r}.") from None
    params: Params = QueryParser(operation).parse({"values": values})
    return name, params


def serialize(operation: str, content: Result | ApiError) -> Response:
    """Return the response for a result or an error."""
    from moto.core.model import OperationModel
    from moto.core.serialize import QuerySerializer

    try:
        model = _model().operation_model(operation)
    except OperationNotFoundError:
        model = OperationModel({}, _model())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the service's model lacks some of its error codes
        serialized = QuerySerializer(model).serialize(content)
    body = serialized["body"]
    content_type = ("content-type", serialized["headers"]["Content-Type"])
    return Response(serialized["status_code"], body.encode() if isinstance(body, str) else body, (content_type,))


@cache
def _model() -> Any:
    from moto.core.utils import get_service_model

    return get_service_model("cloudformation")
