"""A fast processor."""

from functions.contracts.pace import Called
from millrace.runtime import processor


@processor
def handler(called: Called) -> None:
    """Do nothing."""
