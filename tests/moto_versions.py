"""Test the local cloud with the oldest and the newest version of moto that pyproject.toml allows.

Each version has a virtual environment of its own below .venv, which is kept for the next run.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTED = (
    "tests/unit/test_moto_patches.py",
    *(f"tests/local/{name}" for name in ("core", "dynamodb", "logs", "s3", "sns", "sqs", "stepfunctions")),
    "tests/local/apigatewayv2/test_http_api_requests.py",
    "tests/local/eventbridge/test_put_events.py",
    "tests/local/eventbridge/test_archives.py",
    "tests/local/lambda_/test_functions_packages.py",
    "tests/local/lambda_/test_sources_streams.py",
)


def main() -> int:
    """Return 1 if a test fails."""
    oldest, below = _range()
    results = [_tested(f"=={oldest}", f"moto-{oldest}"), _tested(f">={oldest},<{below}", "moto-newest")]
    return 0 if all(results) else 1


def _range() -> tuple[str, str]:
    """Return the oldest version of moto that pyproject.toml allows, and the first that it does not."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (found,) = filter(None, (re.fullmatch(r"moto>=([\d.]+),<([\d.]+)", each) for each in extras["local"]))
    return found[1], found[2]


def _tested(version: str, name: str) -> bool:
    python = _environment(version, ROOT / ".venv" / name)
    subprocess.run([python, "-c", "import moto; print('moto', moto.__version__)"], check=True)
    return subprocess.run([python, "-m", "pytest", "-n", "2", *TESTED], check=False, cwd=ROOT).returncode == 0


def _environment(version: str, folder: Path) -> Path:
    """Return the Python of an environment with the pinned packages, Millrace, and another version of moto."""
    python, uv = folder / "bin" / "python", Path(sys.executable).with_name("uv")
    if not python.exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run([*install, "-r", ROOT / "requirements.txt"], check=True)
    subprocess.run([*install, "--no-deps", "-e", ROOT], check=True)
    subprocess.run([*install, "--upgrade", f"moto{version}"], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
