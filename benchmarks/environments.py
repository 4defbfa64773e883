"""Environments of the peers, each installed once in .millrace/bench/."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HOME = Path(".millrace/bench").resolve()
MINISTACK = ("ministack==1.5.33", "boto3==1.43.106")
SERVERLESS = ("serverless@3.40.0", "serverless-offline@13.10.1", "serverless-offline-aws-eventbridge@2.2.4")
"""Version 3 of serverless is the last that needs no login."""

_TIMEOUT = 900


class UnavailableError(Exception):
    """A peer cannot be installed on this machine."""


def python_environment(name: str, packages: Sequence[str]) -> Path:
    """Return the interpreter of a virtual environment with these packages and the current Python."""
    folder = HOME / name
    python = folder / "venv" / "bin" / "python"
    if not _is_ready(folder, packages):
        _say(f"installing {', '.join(packages)}")
        _run([sys.executable, "-m", "venv", "--clear", str(folder / "venv")])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        _mark_ready(folder, packages)
    return python


def node_environment(name: str, packages: Sequence[str]) -> Path:
    """Return the folder in which these packages are installed."""
    folder = HOME / name
    if not _is_ready(folder, packages):
        _say(f"installing {', '.join(packages)} (some 500 MB)")
        folder.mkdir(parents=True, exist_ok=True)
        _run([program("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages])
        _mark_ready(folder, packages)
    return folder


def program(name: str) -> str:
    """Return the path of a program, preferring the project's environment. Raises UnavailableError."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if not found:
        raise UnavailableError(f"there is no {name} here")
    return found


def _is_ready(folder: Path, packages: Sequence[str]) -> bool:
    mark = folder / ".ready"
    return mark.exists() and mark.read_text() == _content(packages)


def _mark_ready(folder: Path, packages: Sequence[str]) -> None:
    (folder / ".ready").write_text(_content(packages))


def _content(packages: Sequence[str]) -> str:
    return "\n".join([sys.version, *packages])


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise UnavailableError(f"could not be installed: {lines[-1] if lines else error}") from error


def _say(text: str) -> None:
    print(f"» {text}", file=sys.stderr, flush=True)
