"""Where an ask's resources are looked up, where a request names them by something else than a name."""

from collections.abc import Callable
from typing import NamedTuple

from millrace.local.core.backends import Backends


class ResourceLookup(NamedTuple):
    """moto's stores, and the state machine of a task token: "" for one that was never given out."""

    backends: Backends
    machine_of: Callable[[str], str]
