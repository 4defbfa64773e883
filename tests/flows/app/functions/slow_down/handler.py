"""A slow processor."""

import time

from functions.contracts.pace import Called
from millrace.runtime import processor


@processor
def handler(called: Called) -> None:
    """Sleep for 200 ms."""
    time.sleep(0.2)
