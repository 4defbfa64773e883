"""The query protocol, both ways, by botocore's model of the service.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError

from millrace.local.core.http import Request, Response

Answer = Mapping[str, Any]


class Refusal(Exception):
    """What AWS answers with an error. `code` and `message` are AWS's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refusal:
    """The error for most of what is wrong with a request."""
    return Refusal("ValidationError", message)


def parsed(request: Request) -> tuple[str, dict[str, Any]]:
    """The name of the operation, and what it is given."""
    from moto.core.parse import QueryParser  # noqa: PLC0415 - moto is imported after its settings are made

    values = dict(parse_qsl(f"{request.query}&{request.body.decode()}", keep_blank_values=True))
    name = values.get("Action", "")
    try:
        operation = _model().operation_model(name)
    except OperationNotFoundError:
        raise Refusal("InvalidAction", f"CloudFormation has no operation {name!r}.") from None
    given: dict[str, Any] = QueryParser(operation).parse({"values": values})
    return name, given


def answered(operation: str, answer: Answer) -> Response:
    """A result as the service writes it."""
    return _written(operation, answer)


def refused(operation: str, refusal: Refusal) -> Response:
    """An error as the service writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the service's model lacks some of the codes that the service gives
        return _written(operation, refusal)


def _written(operation: str, content: Any) -> Response:
    from moto.core.model import OperationModel  # noqa: PLC0415
    from moto.core.serialize import QuerySerializer  # noqa: PLC0415

    try:
        model = _model().operation_model(operation)
    except OperationNotFoundError:
        model = OperationModel({}, _model())
    written = QuerySerializer(model).serialize(content)
    body = written["body"]
    content_type = ("content-type", written["headers"]["Content-Type"])
    return Response(written["status_code"], body.encode() if isinstance(body, str) else body, (content_type,))


@cache
def _model() -> Any:
    from moto.core.utils import get_service_model  # noqa: PLC0415

    return get_service_model("cloudformation")
