"""The zygote: the process that starts workers, by fork with their packages loaded, or by spawn.

It runs no function and has one thread. Its workers end when it ends, and it ends when the pool closes its socket.
"""

import contextlib
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from . import confinement, preload, wire, worker


def main(control: int, start: str, package_view: str, home: str) -> None:
    """Serve the pool. In a forked worker, run its function."""
    sys.path.insert(0, package_view)
    if start == "fork":
        preload.load()
    arguments = _Zygote(socket.socket(fileno=control), start, package_view, home).serve()
    if arguments:
        worker.main(**arguments)


class _Zygote:
    def __init__(self, control: socket.socket, start: str, package_view: str, home: str) -> None:
        self._control = control
        control.set_inheritable(False)
        self._start = start
        self._package_view = package_view
        self._packages = confinement.packages(package_view)
        self._home = Path(home)
        self._workers: dict[int, int] = {}
        self._lifeline, self._held = os.pipe()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def serve(self) -> dict[str, Any] | None:
        """Start, kill and reap workers until the pool closes. In a forked worker, return its arguments."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        while True:
            ready, _, _ = select.select([self._control.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap(os.WNOHANG)
            if self._control.fileno() in ready:
                message, descriptors = self._receive()
                if not message:
                    self._end()
                    return None
                arguments = self._handle(message, descriptors)
                if arguments:
                    return arguments

    def _receive(self) -> tuple[bytes, list[int]]:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, wire.CONTROL.size, 2)
        except ConnectionResetError:
            return b"", []  # the pool closed
        while 0 < len(message) < wire.CONTROL.size:
            message += self._control.recv(wire.CONTROL.size - len(message))
        return message, descriptors

    def _handle(self, message: bytes, descriptors: list[int]) -> dict[str, Any] | None:
        kind, number, _, _ = wire.CONTROL.unpack(message)
        if kind == wire.KILL:
            for pid in [pid for pid, known in self._workers.items() if known == number]:
                _kill(pid)
            return None
        arguments = self._arguments(number, *descriptors)
        try:
            pid = os.fork() if self._start == "fork" else self._spawn(arguments, descriptors)
        except OSError as error:
            print(f"millrace: no worker could be started: {error}", file=sys.stderr)  # noqa: T201 - it has no log
            self._send(wire.ENDED, number, os.EX_OSERR, 0)
        else:
            if pid == 0:
                self._become_worker()
                return arguments
            self._started(number, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _arguments(self, number: int, connection: int, log: int) -> dict[str, Any]:
        home = self._home / str(number)
        home.mkdir(mode=0o700)
        for descriptor in (connection, log):
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - its own signature
        return {
            "connection": connection,
            "log": log,
            "lifeline": self._lifeline,
            "package_view": self._package_view,
            "home": str(home),
            "packages": self._packages,
        }

    def _spawn(self, arguments: dict[str, Any], descriptors: list[int]) -> int:
        inherited = (*descriptors, self._lifeline)
        for descriptor in inherited:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - its own signature
        command = worker.command(arguments)
        try:
            return os.posix_spawn(command[0], command, os.environ, setpgroup=0)
        finally:
            os.set_inheritable(self._lifeline, False)  # noqa: FBT003 - its own signature

    def _started(self, number: int, pid: int) -> None:
        with contextlib.suppress(OSError):  # the worker does it as well
            os.setpgid(pid, pid)
        self._workers[pid] = number
        self._send(wire.STARTED, number, pid, 0)

    def _become_worker(self) -> None:
        """Become a worker: close everything of the zygote."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        self._control.close()
        for descriptor in (self._held, self._woken, self._wake):
            os.close(descriptor)

    def _reap(self, options: int) -> None:
        while self._workers:
            pid, status, usage = os.wait4(-1, options)
            if not pid:
                return
            number = self._workers.pop(pid)
            _kill_group(pid)
            shutil.rmtree(self._home / str(number), ignore_errors=True)
            self._send(wire.ENDED, number, os.waitstatus_to_exitcode(status), worker.kibibytes(usage))

    def _send(self, kind: bytes, number: int, figure: int, memory: int) -> None:
        with contextlib.suppress(OSError):  # the pool closed: the next read returns nothing
            self._control.sendall(wire.CONTROL.pack(kind, number, figure, memory))

    def _end(self) -> None:
        for pid in self._workers:
            _kill(pid)
        self._reap(0)
        shutil.rmtree(self._home, ignore_errors=True)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)  # not reaped yet, so the process id is not reused
    _kill_group(pid)


def _kill_group(pid: int) -> None:
    """Kill the processes that a worker started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
