"""Errors of Lambda's API, as moto's application answers them."""

from typing import Any

STALE_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the "
    "latest Revision Id"
)


def api_error(message: str, code: str = "InvalidParameterValueException", status: int = 400) -> Exception:
    """Return an error with its code and HTTP status."""
    from moto.awslambda.exceptions import LambdaClientError

    error: Any = LambdaClientError(code, message)
    error.code = status
    made: Exception = error
    return made


def invalid_member(place: str, value: object, rule: str) -> Exception:
    """Return the error of a member of the request that breaks a rule of the API's model."""
    text = f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: {rule}"
    return api_error(text, "ValidationException")
