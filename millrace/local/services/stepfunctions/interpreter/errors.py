"""Errors of states, as Retry and Catch match them.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from typing import Any


class StateError(Exception):
    """An error that Retry and Catch can match by its name.

    `details` are added to the details of the failure's history event, as the resource of a task. `is_evaluation` is
    true for an error that the history records as EvaluationFailed.
    """

    def __init__(self, error: str | None, cause: str | None = None, **details: Any) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.details = details
