"""A worker: one function, loaded once, one invocation at a time, until the pool or the zygote is gone."""

import importlib.machinery
import json
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import breakpoints, confinement, debugger, logs, runtime, wire

_PIECE = 1 << 18


def command(arguments: dict[str, Any]) -> list[str]:
    """Return the command line that starts a worker."""
    program = str(Path(__file__).with_name("bootstrap.py"))
    return [sys.executable, "-I", "-S", "-X", "utf8", program, "worker", json.dumps(arguments)]


def kibibytes(usage: resource.struct_rusage) -> int:
    """The most memory a process had; macOS counts it in bytes."""
    return usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss


def main(connection: int, log: int, lifeline: int, package_view: str, home: str, packages: list[str]) -> None:
    """Load the function that the first frame describes, then answer one frame after the other."""
    pool = socket.socket(fileno=connection)
    frames = _frames(pool)
    config, _ = next(frames)
    logs.capture(log)
    began = time.perf_counter()
    debug = config["debug"]
    if config["confined"]:
        needed = [config["code"], package_view, *packages, *([debug["packages"]] if debug else [])]
        home = confinement.confine(needed, home, config["shared"])
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    _enter(config, package_view, home)
    breakpoints.install(pool, frames, terminal=False)
    attached = debugger.listen(config, lambda: pool.sendall(wire.pack({"kind": "waits"}))) if debug else lambda: None
    attached()
    known = set(sys.modules)
    handler = _load(config["handler"], pool)
    if not debug:
        breakpoints.install(pool, frames, terminal=config["terminal"])
    pool.sendall(wire.pack({"kind": "ready", "init_ms": _since(began), "uncached": _uncached(known)}))
    for call, body in frames:
        attached()
        began = time.perf_counter()
        status, answer = runtime.invoke(handler, body, call, config)
        pool.sendall(wire.pack(_result(status, began), answer))


def _uncached(known: set[str]) -> list[str]:
    """The files of new modules that have no bytecode: a confined worker cannot write it."""
    specs = [getattr(module, "__spec__", None) for name, module in list(sys.modules.items()) if name not in known]
    found = [spec for spec in specs if spec and spec.cached and not os.path.exists(spec.cached)]  # noqa: PTH110 - fast
    return [str(spec.origin) for spec in found]


def _load(handler: str, pool: socket.socket) -> runtime.Handler:
    began = time.perf_counter()
    try:
        return runtime.load(handler)
    except Exception as raised:  # noqa: BLE001 - the module of a function can raise any exception
        answer = runtime.init_error(raised)
        pool.sendall(wire.pack(_result("error", began) | {"last": True}, answer))
        sys.exit(1)


def _result(status: str, began: float) -> dict[str, Any]:
    used = kibibytes(resource.getrusage(resource.RUSAGE_SELF))
    return {"kind": "result", "status": status, "ms": _since(began), "memory": used}


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _frames(pool: socket.socket) -> Iterator[wire.Frame]:
    inbox = wire.Inbox()
    while piece := pool.recv(_PIECE):
        yield from inbox.feed(piece)
    os._exit(0)  # the pool has let go; threads of the function need not agree


def _end_with(lifeline: int) -> None:
    """End this process when the zygote ends, even while its function runs."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def _enter(config: dict[str, Any], package_view: str, home: str) -> None:
    """Become the sandbox of one function: its environment, folder and packages, and no others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(config["environment"], HOME=home, TMPDIR=home, LAMBDA_RUNTIME_DIR=package_view)
    time.tzset()
    os.chdir(config["code"])
    _import_from(config["code"], package_view)
    random.seed()  # forked workers would all draw the same numbers
    tempfile.tempdir = None
    logs.set_up(config["environment"])


def _import_from(code: str, package_view: str) -> None:
    """Put the function's folder first on the path, before layers and the runtime, as Lambda does."""
    if package_view not in sys.path:
        sys.path.insert(0, package_view)
    sys.path.insert(0, code)
    sys.path_hooks.insert(0, _finder(code))
    own = {entry.name.partition(".")[0] for entry in Path(code).iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in own]:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(package_view):
            del sys.modules[name]  # the function brings its own, which the zygote could not know


def _finder(code: str) -> Any:
    """A path hook for the function's own modules."""
    details = (
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (FreshLoader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    )
    hook = importlib.machinery.FileFinder.path_hook(*details)

    def under_code(path: str) -> Any:
        if not (path == code or path.startswith(code + os.sep)):
            raise ImportError(path)
        return hook(path)

    return under_code


class FreshLoader(importlib.machinery.SourceFileLoader):
    """Compares the times of a file by the microsecond. Python does by the second, and could run old code."""

    def path_stats(self, path: Any) -> dict[str, Any]:
        """Return the stamps that tie bytecode to a file."""
        about = Path(path).stat()
        return {"mtime": about.st_mtime_ns // 1000, "size": about.st_size}
