"""Takes its time."""

import time

from functions.contracts.pace import Called
from millrace.runtime import processor


@processor
def handler(called: Called) -> None:
    """Long enough for others to overtake it."""
    time.sleep(0.2)
