"""Closes the day."""

from aws_lambda_powertools import Logger

from functions.contracts.photos import DayEnded
from millrace.runtime import processor


@processor(repeatable="it only logs")
def handler(day: DayEnded) -> None:
    """Log the report that is due."""
    Logger().info(day.report, extra={"day": f"{day.metadata.occurred_at:%Y-%m-%d}"})
