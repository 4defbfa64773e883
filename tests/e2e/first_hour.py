"""A user's first hour: install the wheel elsewhere, create a project with each piece, run it and test it.

`python tests/e2e/first_hour.py` fails if a command fails, or if the first flow takes longer than a minute. Downloads
are not counted.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = ("mypy", "pyright", "pytest", "ruff")
PIECES = (
    "event RefundRequested",
    "processor refund_order --event RefundRequested",
    "step check_stock --event OrderPlaced",
    "saga booking --event OrderPlaced",
    "projection orders --event OrderPlaced",
    "query show_orders",
    "stream watch_boiler",
    "schedule clean_up",
)
FIRST_FLOW_SECONDS = 60


def main() -> None:
    """Run everything in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="first-hour-") as name:
        folder = Path(name)
        environment = install(folder)
        project = folder / "shopfront"
        began = time.monotonic()
        run(["millrace", "init", project.name], folder, environment)
        adopt(project, environment)
        run(["make", "run"], project, environment)
        first_flow = time.monotonic() - began
        for piece in PIECES:
            run(["millrace", "new", *piece.split()], project, environment)
        run(["make", "run"], project, environment)
        run(["make", "test"], project, environment)
    report(f"» init to the first settled flow: {first_flow:.0f} s; each piece is green")
    if first_flow > FIRST_FLOW_SECONDS:
        sys.exit(f"The first flow may take {FIRST_FLOW_SECONDS} s.")


def install(folder: Path) -> dict[str, str]:
    """Build the wheel and install it into an empty environment; return the variables with its programs on the PATH."""
    uv = [sys.executable, "-m", "uv"]
    run([*uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], ROOT)
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    run([*uv, "venv", "--quiet", "--python", sys.executable, str(environment)], folder)
    python = str(environment / "bin" / "python")
    pins = ["--constraint", str(ROOT / "requirements.txt")]
    run([*uv, "pip", "install", "--quiet", "--python", python, *pins, f"{wheel}[all]", *TOOLS], folder)
    return {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(environment)}


def adopt(project: Path, environment: dict[str, str]) -> None:
    """Let the project's Makefile use the environment instead of one that it installs from the package index."""
    (project / ".venv").symlink_to(environment["VIRTUAL_ENV"])
    (project / ".venv" / ".ready").touch()


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run a command; end with its output if it fails."""
    began = time.monotonic()
    variables = environment_of(environment or {})
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    report(f"» {' '.join(command[:4])}: {time.monotonic() - began:.1f} s")
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}\n{' '.join(command)} failed in {folder}")


def environment_of(variables: dict[str, str]) -> dict[str, str]:
    """Return the environment of this process with these variables, and without those that point into the repository."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS")}
    return kept | variables


def report(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
