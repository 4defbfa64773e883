"""What a handler may take besides events: the stores that its construct names."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast


class Table(Protocol):
    """A DynamoDB table, as boto3's resource gives it; a parameter of this type names it.

    `def handler(order: OrderCompleted, points: Table)` is given the table that the construct calls `points`. A test
    hands in its own. https://docs.aws.amazon.com/boto3/latest/reference/services/dynamodb/table/index.html
    """

    def get_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def put_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def update_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def delete_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def query(self, **kwargs: Any) -> Any:
        """As boto3's."""


def table_variable(parameter: str) -> str:
    """The environment variable that holds the name of the table a parameter asks for."""
    return f"MILLRACE_TABLE_{parameter.upper()}"


@cache
def open_table(parameter: str) -> Table:
    """The table of a parameter. Raises LookupError if the construct names none."""
    variable = table_variable(parameter)
    if variable not in os.environ:
        raise LookupError(f"{variable} is not set: give the construct tables={{{parameter!r}: …}}.")
    import boto3  # noqa: PLC0415 - a handler without a table need not wait for boto3

    return cast("Table", boto3.resource("dynamodb").Table(os.environ[variable]))


def write_if(write: Callable[..., Any], **request: Any) -> Any | None:
    """Make a write that has a condition: `write_if(points.update_item, Key=…, ConditionExpression=…)`.

    Gives DynamoDB's answer, or None where the condition does not hold.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
    """
    try:
        return write(**request)
    except Exception as error:
        answer = getattr(error, "response", {})  # botocore's ClientError, which a test has no need to load
        if answer.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        return None
