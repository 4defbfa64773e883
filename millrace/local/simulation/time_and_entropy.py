"""Virtual time, and entropy from a seed, for everything in this process: the local cloud, moto and handlers."""

import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import time_machine

from millrace.local.core.clock import Clock
from millrace.local.simulation.tasks import current_task

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z, the start of every simulation."""
_NANOSECONDS = 1_000_000_000
_COUNT = count(1)
_UUID1 = {"_generate_time_safe": None, "_UuidCreate": None, "_node": 0x02_00_00_00_00_01, "_last_timestamp": None}
"""Makes uuid1() read Python's clock instead of that of a C library, and no address of the machine."""


class VirtualClock(Clock):
    """A clock that moves only when it is moved."""

    def __init__(self, start: float = START) -> None:
        super().__init__()
        self._now = start
        self._traveller: Any = None

    def now(self) -> float:
        """Return the virtual time."""
        return self._now

    @property
    def wall_clock_offset(self) -> float:
        """0: the process sees the virtual time."""
        return 0.0

    def skip_to(self, due: float) -> None:
        """Move to `due`, unless it is in the past."""
        if due > self._now:
            self.skipped_time += due - self._now
            self._now = due
            if self._traveller:
                self._traveller.move_to(due)

    @contextmanager
    def in_force(self, sleep: Callable[[float], None]) -> Iterator[None]:
        """Make `time` and `datetime` of this process read this clock. `sleep` replaces time.sleep."""
        with ExitStack() as stack:
            self._traveller = stack.enter_context(time_machine.travel(self._now, tick=False))
            for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
                for found, read in ((name, self.now), (f"{name}_ns", lambda: int(self._now * _NANOSECONDS))):
                    stack.enter_context(patch.object(time, found, _in_simulation(read, getattr(time, found))))
            stack.enter_context(patch.object(time, "sleep", _in_simulation(sleep, time.sleep)))
            try:
                yield
            finally:
                self._traveller = None


def _in_simulation(simulated: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for this thread and handlers. Other threads, as a local cloud's, need the real one."""
    owner = threading.get_ident()

    def called(*args: Any) -> Any:
        return (simulated if threading.get_ident() == owner or current_task() else real)(*args)

    return called


@contextmanager
def entropy(seed: int) -> Iterator[None]:
    """Draw the random numbers and ids of this process from a seed."""
    source, original, state = random.Random(seed), random.Random.seed, random.getstate()  # noqa: S311 - reproducible

    def seeded(generator: random.Random, value: Any = None, version: int = 2) -> None:
        original(generator, source.getrandbits(64) if value is None else value, version)

    with ExitStack() as stack:
        for module, name in ((os, "urandom"), (random, "_urandom")):
            stack.enter_context(patch.object(module, name, source.randbytes))
        if hasattr(os, "getrandom"):
            stack.enter_context(patch.object(os, "getrandom", lambda size, _flags=0: source.randbytes(size)))
        for name, value in _UUID1.items():
            stack.enter_context(patch.object(uuid, name, value))
        stack.enter_context(patch.object(random.Random, "seed", seeded))
        stack.enter_context(_seeded_moto(seed))
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


@contextmanager
def _seeded_moto(seed: int) -> Iterator[None]:
    """Seed moto. Its modules draw ids when they are imported, at most once in a process: these ids count up instead."""
    from moto.core import base_backend
    from moto.moto_api._internal import mock_random

    mock_random.seed(seed)
    with patch.object(base_backend, "uuid4", lambda: uuid.UUID(int=next(_COUNT))):
        yield
