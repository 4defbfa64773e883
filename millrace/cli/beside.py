"""Programs that play systems outside, beside a local cloud."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from millrace.cli.project import WrongUse

_PATIENCE = 10


@contextmanager
def played(program: Path | None, environment: Mapping[str, str]) -> Iterator[None]:
    """Let a Python program run, told of the cloud as the AWS SDK is. It is ready with its first line of output."""
    if program is None:
        yield
        return
    if not program.is_file():
        raise WrongUse(f"--beside {program}: there is no such program.")
    process = subprocess.Popen(
        [sys.executable, str(program)], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or not process.stdout.readline():
            raise WrongUse(
                f"--beside {program}: it ended with status {process.wait()} before it said that it is ready."
            )
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE)
