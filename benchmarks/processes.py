"""Process trees: their memory and processor time, and how to end them."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A process. `born` distinguishes it from a later process with the same id; `rss` is in bytes."""

    pid: int
    parent: int
    born: str
    rss: int


def tree(root: int) -> list[Process]:
    """Return a process and its descendants."""
    known = {process.pid: process for process in _all()}
    children: dict[int, list[int]] = {}
    for process in known.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        if pid in known:
            found.append(known[pid])
            waiting += children.get(pid, [])
    return found


def _all() -> Iterator[Process]:
    return _from_proc() if _PROC.joinpath("self/stat").exists() else _from_ps()


def _from_proc() -> Iterator[Process]:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":  # zombies have ended
                yield Process(int(folder.name), int(fields[1]), fields[19], int(fields[21]) * _PAGE)


def _from_ps() -> Iterator[Process]:
    result = subprocess.run(["ps", "-axo", "pid=,ppid=,rss=,lstart="], capture_output=True, text=True, check=True)
    for line in result.stdout.splitlines():
        pid, parent, rss, born = line.split(None, 3)
        yield Process(int(pid), int(parent), born, int(rss) * 1024)


def shared_out(root: int) -> int | None:
    """Return the proportional set size of a tree in bytes; None if the system is not Linux."""
    total = 0
    for process in tree(root):
        with contextlib.suppress(OSError):
            rollup = Path(_PROC, str(process.pid), "smaps_rollup").read_text()
            total += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    return total or None


def cpu(root: int) -> float | None:
    """Return the processor seconds of a tree, including ended children; None if the system is not Linux."""
    ticks = 0
    for process in tree(root):
        with contextlib.suppress(OSError):
            fields = (_PROC / str(process.pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else None


def end(process: subprocess.Popen[bytes], max_wait: float = 10.0) -> None:
    """End a process and its descendants, and wait until all have ended."""
    descendants = {each.pid: each for each in tree(process.pid)}
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + max_wait
    while process.poll() is None and time.monotonic() < until:
        descendants |= {each.pid: each for each in tree(process.pid)}
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    while survivors := _living(descendants.values()):
        for each in survivors:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        time.sleep(0.01)


def _living(former: Iterable[Process]) -> list[Process]:
    """Return the processes that are still alive."""
    born = {process.pid: process.born for process in _all()}
    return [each for each in former if born.get(each.pid) == each.born]


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM during cleanup."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Watch:
    """Samples the resident memory of a process tree until it is stopped.

    A tree above `limit` bytes is killed, to protect the machine.
    """

    def __init__(self, root: int, limit: int, every: float = 0.25) -> None:
        self.peak = 0
        self.over_limit = False
        self._root, self._limit, self._every = root, limit, every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def now(self) -> int:
        """Return the current resident memory of the tree in bytes."""
        return sum(process.rss for process in tree(self._root))

    def stop(self) -> None:
        """Stop sampling."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            held = self.now()
            self.peak = max(self.peak, held)
            if held > self._limit:
                self.over_limit = True
                _kill(self._root)
                return


def _kill(root: int) -> None:
    for process in tree(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
