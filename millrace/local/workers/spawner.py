"""Starts and controls a zygote process, which forks or spawns workers."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from millrace.local.workers.inside import wire

Start = Literal["fork", "spawn"]

_BOOTSTRAP = Path(__file__).with_name("inside") / "bootstrap.py"
_CLOSE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Exit:
    """The exit code of a process (negative for a signal) and its peak memory in MiB."""

    code: int
    memory_mb: int = 0


class Child(Protocol):
    """Receives the start and end of a process."""

    def started(self) -> None:
        """Handle the start of the process."""

    def ended(self, how: Exit) -> None:
        """Handle the end of the process."""


class WorkerSpawner:
    """Starts workers for one set of layers through a zygote process."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, package_view: Path, start: Start, lost: Callable[[], None]
    ) -> None:
        self.package_view = package_view
        self._loop = loop
        self._lost = lost
        self._numbers = 0
        self._children: dict[int, Child] = {}
        self._pids: dict[int, int] = {}
        self._received = bytearray()
        self._home = tempfile.mkdtemp(prefix="millrace-worker-")
        self._control, theirs = socket.socketpair()
        with theirs:
            self._zygote = self._start_zygote(theirs.fileno(), package_view, start)
        loop.add_reader(self._control, self._read)

    def _start_zygote(self, control: int, package_view: Path, start: Start) -> subprocess.Popen[bytes]:
        settings = {"control": control, "start": start, "package_view": str(package_view), "home": self._home}
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", str(_BOOTSTRAP), "zygote", json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            pass_fds=[control],
            env=_environment(self._home),
            start_new_session=True,
        )

    @property
    def idle(self) -> bool:
        """Whether it has no worker."""
        return not self._children

    def start(self, child: Child, connection: int, log: int) -> int:
        """Start a worker that communicates over `connection` and writes its output to `log`. Return its number."""
        self._numbers += 1
        self._children[self._numbers] = child
        with contextlib.suppress(OSError):  # _read reports a zygote that died
            socket.send_fds(self._control, [wire.CONTROL.pack(wire.START, self._numbers, 0, 0)], [connection, log])
        return self._numbers

    def kill(self, number: int) -> None:
        """Kill a worker and the processes that it started."""
        if number in self._children:
            with contextlib.suppress(OSError):
                self._control.sendall(wire.CONTROL.pack(wire.KILL, number, 0, 0))

    def processor_demand(self, number: int) -> float | None:
        """Return the seconds that a worker's main thread ran or waited for a core; None if the system has no count.

        https://docs.kernel.org/scheduler/sched-stats.html
        """
        try:
            ran, waited, _ = Path(f"/proc/{self._pids[number]}/schedstat").read_text().split()
        except (KeyError, OSError):
            return None  # not started yet, ended, or another system than Linux
        return (int(ran) + int(waited)) / 1e9

    def close(self) -> None:
        """End the zygote and all its workers, and wait until they are gone."""
        self._loop.remove_reader(self._control)
        self._control.close()
        self._zygote.terminate()  # the zygote handles it only while it loads
        try:
            self._zygote.wait(_CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._abandon()

    def _read(self) -> None:
        try:
            piece = self._control.recv(1 << 16)
        except ConnectionResetError:
            return  # reported once, before the data that was sent earlier
        if not piece:
            self._lost()
            self.close()
            return
        self._received += piece
        while len(self._received) >= wire.CONTROL.size:
            message = bytes(self._received[: wire.CONTROL.size])
            del self._received[: wire.CONTROL.size]
            self._handle(*wire.CONTROL.unpack(message))

    def _handle(self, kind: bytes, number: int, figure: int, memory: int) -> None:
        if kind == wire.STARTED:
            self._pids[number] = figure
            self._children[number].started()
        elif kind == wire.ENDED:
            self._pids.pop(number, None)
            self._children.pop(number).ended(Exit(figure, memory // 1024))

    def _abandon(self) -> None:
        """Kill the workers of a zygote that died. They end by themselves, unless native code runs."""
        code = self._zygote.returncode
        for pid in self._pids.values() if code else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pids.clear()
        shutil.rmtree(self._home, ignore_errors=True)
        children, self._children = self._children, {}
        for child in children.values():
            child.ended(Exit(code or -signal.SIGKILL))


def _environment(home: str) -> dict[str, str]:
    """What a zygote needs, and nothing of this machine's."""
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EXECUTION_ENV": execution_environment(),
        "HOME": home,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }


def execution_environment() -> str:
    """The name of the runtime, with the version of the Python that runs here."""
    return f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
