"""Companion programs, which play external systems next to a local cloud."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from millrace.operations import UsageError

_STOP_SECONDS = 10


@contextmanager
def companion(program: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a Python program with the local cloud's environment. It is ready with its first line of output.

    It has a process group of its own: Ctrl-C reaches only `millrace`, which then stops it.
    """
    if program is None:
        yield
        return
    if not program.is_file():
        raise UsageError(f"--companion {program}: there is no such program.")
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise UsageError(f"--companion {program}: it ended with status {process.wait()} before it was ready.")
        yield
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
