"""Test events, runtime and functions on each Python that Millrace supports and that is installed, for `make matrix`.

Each version has an environment below .venv with the pinned packages of functions and of these tests. uv finds or
downloads the interpreters. A version that uv cannot get is reported, and is an error if it was named.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
PACKAGES = (
    "aws-lambda-powertools",
    "aws-xray-sdk",
    "pydantic",
    "boto3",
    "cloudevents",
    "hypothesis",
    "moto",
    "pytest",
    "pyyaml",
)
TESTS = [
    *sorted(ROOT.glob("tests/unit/test_runtime_*.py")),
    *(
        ROOT / f"tests/unit/{name}.py"
        for name in ("test_events", "test_contracts", "test_cloudevents", "test_sensitive")
    ),
    *sorted(ROOT.glob("tests/unit/test_shop_*.py")),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", help="versions such as 3.13; by default all that are available")
    chosen = parser.parse_args().versions
    results = {version: test(version) for version in chosen or SUPPORTED}
    for version, result in results.items():
        sys.stdout.write(f"Python {version}: {result}\n")
    allowed = ("passed",) if chosen else ("passed", "not available")
    return 0 if "passed" in results.values() and set(results.values()) <= set(allowed) else 1


def test(version: str) -> str:
    """Return `passed`, `failed` or `not available`."""
    folder = ROOT / ".venv" / "matrix" / version
    python = folder / "bin" / "python"
    if not python.exists() and _run(uv("venv", "--quiet", "--python", version, str(folder))):
        return "not available"
    install = uv("pip", "install", "--quiet", "--python", str(python), "-c", "requirements.txt", *PACKAGES)
    if _run(install):
        return "failed"
    return "failed" if _run([str(python), "-m", "pytest", "-p", "no:cacheprovider", *map(str, TESTS)]) else "passed"


def uv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "uv", *arguments]


def _run(command: list[str]) -> int:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
