"""What the layers of the functions contain: requirements of the project, in the versions that are installed here.

A handler is imported at synth, so what it needs is installed here, and the tests run with it.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from millrace.constructs.function.project import FUNCTIONS, project

PYTHON = "millrace:python"
"""The context key of Lambda's Python version."""
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
"""The versions that Millrace and Lambda support.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""
FILE = "requirements.txt"


class RequirementsError(ValueError):
    """The dependencies or the Python version of the functions are not usable."""


def python_version(scope: Construct) -> str:
    """Return Lambda's Python version: the context `millrace:python`, or the version that runs here."""
    version = str(scope.node.try_get_context(PYTHON) or running_python())
    if version not in SUPPORTED:
        raise RequirementsError(
            f"Lambda has no Python {version} that Millrace supports: set {PYTHON} in the context of cdk.json to one of "
            f'{", ".join(SUPPORTED)}, for example "{PYTHON}": "{SUPPORTED[-1]}".'
        )
    return version


def running_python() -> str:
    """Return the Python version that runs here, as `3.13`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def runtime(scope: Construct) -> lambda_.Runtime:
    """Return the runtime of the functions."""
    return lambda_.Runtime(f"python{python_version(scope)}", lambda_.RuntimeFamily.PYTHON)


def shared_requirements() -> list[str]:
    """Return the requirements of the shared layer: those of Millrace's runtime and those of the project's functions.

    The latter are in `functions/requirements.txt` or, without that file, the dependencies in `pyproject.toml`.
    """
    kit = [line for line in distribution("millrace").requires or () if "extra ==" not in line]
    return sorted({*kit, *(line for line in _project_requirements() if Requirement(line).name != "millrace")})


def own_requirements(folder: str) -> list[str]:
    """Return the requirements in `functions/<folder>/requirements.txt`."""
    return _lines(project() / FUNCTIONS / folder / FILE)


def installed(requirements: Iterable[str]) -> list[str]:
    """Return `name==version` for each package that these requirements need and that fits and is installed."""
    pins: dict[str, str] = {}
    pending = [Requirement(line) for line in requirements]
    while pending:
        needed = pending.pop()
        name = canonicalize_name(needed.name)
        version = _version(name)
        if version and name not in pins and needed.specifier.contains(version, prereleases=True):
            pins[name] = version
            pending += _needs(name, frozenset(needed.extras))
    return sorted(f"{name}=={version}" for name, version in pins.items())


def _project_requirements() -> list[str]:
    if (file := project() / FUNCTIONS / FILE).is_file():
        return _lines(file)
    table = project() / "pyproject.toml"
    return list(tomllib.loads(table.read_text()).get("project", {}).get("dependencies", ())) if table.is_file() else []


def _lines(file: Path) -> list[str]:
    """Return the requirements of a file. Raises RequirementsError with the line of an invalid one."""
    found = []
    for number, line in enumerate(file.read_text().splitlines() if file.is_file() else (), 1):
        text = line.partition(" #")[0].strip()
        if text and not text.startswith("#"):
            try:
                found.append(str(Requirement(text)))
            except InvalidRequirement as error:
                where = file.relative_to(project())
                raise RequirementsError(f"{where}:{number}: {text!r} is not a requirement: {error}") from error
    return found


@cache
def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in distribution(name).requires or ():
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield needed
