"""A debugger in a worker: debugpy listens, and the function waits until a client is attached.

https://github.com/microsoft/debugpy/wiki/API-Reference
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

_HOST = "127.0.0.1"


def listen(config: dict[str, Any], waits: Callable[[], None]) -> Callable[[], None]:
    """Listen at the port of `config["debug"]`. Returns the function that calls `waits`, then waits for a client.

    It does neither while a client is attached.

    The client sets breakpoints in the project's files; the worker runs the files of the deployed package. Only
    debugpy comes from outside the package, so that a function still misses what its package lacks.
    """
    debug = config["debug"]
    os.environ["PATHS_FROM_ECLIPSE_TO_PYTHON"] = json.dumps([[debug["project"], config["code"]]])
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    sys.path.insert(0, debug["packages"])
    try:
        import debugpy
    finally:
        sys.path.remove(debug["packages"])
    debugpy.listen((_HOST, debug["port"]), in_process_debug_adapter=True)
    signal.setitimer = lambda *_: (0.0, 0.0)  # a breaker's time limit would end a handler that stands still

    def attached() -> None:
        if not debugpy.is_client_connected():
            waits()
            debugpy.wait_for_client()

    return attached
