"""Takes no time."""

from functions.contracts.pace import Called
from millrace.runtime import processor


@processor
def handler(called: Called) -> None:
    """It is done at once."""
