"""The records of handlers: name, id and time of each run."""

import time
from collections import defaultdict
from pathlib import Path

_PAUSE = 0.002


class UnfinishedError(Exception):
    """Some events were not processed in time."""


class Records:
    """Reads the handlers' file as it grows. Times are in seconds of the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._file = path.open("rb")
        self._rest = b""
        self._moments: dict[str, dict[str, list[float]]] = defaultdict(dict)

    def of(self, handler: str) -> dict[str, list[float]]:
        """Return the times of the runs of a handler, by id."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            name, number, moment = line.decode().split(" ")
            self._moments[name].setdefault(number, []).append(int(moment) / 1e9)
        return self._moments[handler]

    def wait(self, handler: str, ids: list[str], max_wait: float) -> list[float]:
        """Return the first run of a handler for each id. Raises UnfinishedError after `max_wait` seconds."""
        until, waiting = time.monotonic() + max_wait, set(ids)
        while True:
            found = self.of(handler)
            waiting -= found.keys()
            if not waiting:
                return [found[each][0] for each in ids]
            if time.monotonic() > until:
                raise UnfinishedError(f"{len(ids) - len(waiting)} of {len(ids)} in {max_wait:g} s")
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
