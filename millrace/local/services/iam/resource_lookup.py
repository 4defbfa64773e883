"""Where an ask's resources are looked up, where a request names them by something else than a name."""

from collections.abc import Callable
from typing import NamedTuple

from millrace.local.core.backends import State


class Places(NamedTuple):
    """moto's stores, and the state machine of a task token: "" for one that was never given out."""

    state: State
    machine_of: Callable[[str], str]
