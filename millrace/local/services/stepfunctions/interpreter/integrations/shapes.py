"""Parameters and responses of services, between the names of Step Functions and those of botocore's models.

Step Functions names members as the AWS SDK for Java: in Pascal case. Optimized integrations return the service's own
names.
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

import base64
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.interpreter.history import compact


def request(value: Any, shape: Shape | None) -> Any:
    """Return parameters as botocore takes them. Other values become JSON where the model has a text or bytes."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {xform_name(name): name for name in shape.members}
        found = {name: names.get(xform_name(str(name)), name) for name in value}
        return {
            found[name]: request(each, shape.members.get(str(found[name])))
            for name, each in value.items()
            if each is not None  # the SDK omits null
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [request(each, shape.member) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: request(each, shape.value) for name, each in value.items()}
    return _request_scalar(value, shape)


def _request_scalar(value: Any, shape: Shape | None) -> Any:
    kind = shape.type_name if shape else ""
    if kind == "string" and value is not None and not isinstance(value, str):
        return compact(value)
    if kind == "blob" and not isinstance(value, bytes):
        return (value if isinstance(value, str) else compact(value)).encode()
    return value


def response(value: Any, shape: Shape | None, *, in_pascal_case: bool) -> Any:
    """Return a response as JSON."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        rename = in_pascal_case and shape.name != "AttributeValue"
        return {
            (_pascal_case(name) if rename else name): response(
                each, shape.members.get(name), in_pascal_case=in_pascal_case
            )
            for name, each in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [response(each, shape.member, in_pascal_case=in_pascal_case) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: response(each, shape.value, in_pascal_case=in_pascal_case) for name, each in value.items()}
    return _response_scalar(value)


def _response_scalar(value: Any) -> Any:
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return iso_millis(value.timestamp())
    if isinstance(value, Decimal):
        return float(value)
    return value


@cache
def _pascal_case(name: str) -> str:
    return "".join(word.capitalize() for word in xform_name(name).split("_"))
