"""What the handlers have written down: who ran, for which id, and when."""

import time
from collections import defaultdict
from pathlib import Path

_PAUSE = 0.002


class Unfinished(Exception):
    """Not everything was handled in time."""


class Records:
    """Reads the handlers' file as it grows. Moments are in seconds of the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._file = path.open("rb")
        self._rest = b""
        self._moments: dict[str, dict[str, list[float]]] = defaultdict(dict)

    def of(self, what: str) -> dict[str, list[float]]:
        """The moments at which `what` has run, by id."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            name, number, moment = line.decode().split(" ")
            self._moments[name].setdefault(number, []).append(int(moment) / 1e9)
        return self._moments[what]

    def wait(self, what: str, ids: list[str], patience: float) -> list[float]:
        """The first moment at which `what` ran for each of these ids. Raises Unfinished after `patience` seconds."""
        until, waiting = time.monotonic() + patience, set(ids)
        while True:
            found = self.of(what)
            waiting -= found.keys()
            if not waiting:
                return [found[each][0] for each in ids]
            if time.monotonic() > until:
                raise Unfinished(f"{len(ids) - len(waiting)} of {len(ids)} in {patience:g} s")
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
