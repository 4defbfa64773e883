"""The layer that all functions share, and the layers of functions with requirements of their own; built without Docker.

https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
"""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

import millrace
from millrace.constructs.function.code import files
from millrace.constructs.function.project import FUNCTIONS, project
from millrace.constructs.function.requirements import (
    FILE,
    installed,
    own_requirements,
    python_version,
    running_python,
    runtime,
    shared_requirements,
)

PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Names of architectures: Lambda's, and those of Python wheels."""
_GLIBC, _OLDER_GLIBC = 34, {"3.11": 26}
"""Minor versions of glibc 2: of Amazon Linux 2023 and, for older Pythons, of Amazon Linux 2.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""
_PACKAGES = ("__init__.py", "py.typed", "events", "runtime")


class LayerBuildError(RuntimeError):
    """uv and pip could not install a layer's requirements; the message contains their output."""


@dataclass(frozen=True)
class Target:
    """What a layer is built for: `arm64` or `x86_64`, and a Python version."""

    architecture: str
    python: str


def function_layer(scope: Construct, folder: str | None, architecture: lambda_.Architecture) -> lambda_.LayerVersion:
    """Return the layer of a function: the one that the stack's functions share or, with requirements, its own.

    Its own contains the shared requirements, too, because layers with different versions of a package would not fit.
    """
    target = Target(architecture.name, python_version(scope))
    own = own_requirements(folder) if folder else []
    if own:
        return _layer(scope, "Layer", build_layer(sorted({*shared_requirements(), *own}), target), target)
    stack, name = Stack.of(scope), f"Layer{architecture.name.title().replace('_', '')}"
    known = stack.node.try_find_child(name)
    if isinstance(known, lambda_.LayerVersion):
        return known
    return _layer(stack, name, build_layer(shared_requirements(), target), target)


def _layer(scope: Construct, id: str, folder: Path, target: Target) -> lambda_.LayerVersion:  # noqa: A002 - CDK's own name
    layer = lambda_.LayerVersion(
        scope,
        id,
        code=lambda_.Code.from_asset(str(folder), asset_hash=folder.name),
        compatible_architectures=[lambda_.Architecture.custom(target.architecture)],
        compatible_runtimes=[runtime(scope)],
        description="Millrace's runtime and the requirements of functions",
    )
    if isinstance(resource := layer.node.default_child, CfnResource):
        resource.add_metadata("millrace", {"provides": sorted(_modules(folder / "python"))})
    return layer


def build_layer(requirements: Sequence[str], target: Target) -> Path:
    """Build a layer with Millrace's runtime, and return its folder, whose name is the hash of its content.

    `.millrace/layers` caches the installed requirements until a version changes, and the layer until its content
    changes.
    """
    wheels = _dependencies(requirements, target)
    packages = sorted(path.name for path in (wheels / "python").glob("*.dist-info"))
    key = _hash(["compiled", *packages, target.python, target.architecture, *_contents(_millrace_files())])
    return _cached(_cache() / key, lambda folder: _assemble(wheels, folder, target.python))


def _modules(packages: Path) -> Iterator[str]:
    """Return the names of the top-level modules in a folder of installed packages."""
    for path in packages.iterdir():
        if path.suffix not in (".dist-info", ".pth"):
            yield path.name.partition(".")[0]


def _dependencies(requirements: Sequence[str], target: Target) -> Path:
    pins = installed(requirements)
    key = _hash([*requirements, "", *pins, target.python, target.architecture, str(_glibc(target))])
    return _cached(_cache() / f"wheels-{key}", lambda folder: _install(requirements, pins, target, folder))


def _install(requirements: Sequence[str], pins: Sequence[str], target: Target, folder: Path) -> None:
    """Install requirements into `folder/python`, in the versions of `pins`."""
    packages = folder / "python"
    wanted, versions = folder / FILE, folder / "constraints.txt"
    wanted.write_text("\n".join(requirements))
    versions.write_text("\n".join(pins))
    uv = ["-m", "uv", "pip", "install", "--quiet", "--python-platform", _uv_platform(target)]
    pip = ["-m", "pip", "install", "--quiet", "--no-compile", "--implementation", "cp", *_pip_platforms(target)]
    options = ["--target", str(packages), "--python-version", target.python, "--only-binary", ":all:"]
    errors = []
    for command in (uv, pip):  # uv is faster; pip also reads its own index configuration
        ran = subprocess.run(
            [sys.executable, *command, *options, "-r", str(wanted), "-c", str(versions)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not ran.returncode:
            return _strip(packages)
        errors.append(f"{command[1]}: {ran.stderr.strip()}")
        shutil.rmtree(packages, ignore_errors=True)
    raise LayerBuildError(
        "\n".join(
            [f"A layer could not be built for Python {target.python} on {target.architecture}.", *errors, _remedy()]
        )
    )


def _remedy() -> str:
    return (
        f"Its requirements are those of Millrace and of {FUNCTIONS}/{FILE} (or the dependencies in pyproject.toml), or "
        f"those of {FUNCTIONS}/<function>/{FILE}, in the versions that are installed here: change a requirement, "
        "or install a version that has a wheel for Lambda. Python 3.12 and newer accept more wheels (glibc 2.34)."
    )


def _glibc(target: Target) -> int:
    """Return the minor version of the glibc 2 in Lambda."""
    return _OLDER_GLIBC.get(target.python, _GLIBC)


def _uv_platform(target: Target) -> str:
    """Return the platform for uv, which has none of glibc 2.26."""
    wheels = PLATFORMS[target.architecture]
    return f"{wheels}-manylinux2014" if target.python in _OLDER_GLIBC else f"{wheels}-manylinux_2_{_GLIBC}"


def _pip_platforms(target: Target) -> list[str]:
    """Return an option for each platform of wheels that Lambda can load. https://peps.python.org/pep-0600/."""
    names = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, _glibc(target) + 1))]
    return [option for name in names for option in ("--platform", f"{name}_{PLATFORMS[target.architecture]}")]


def _strip(target: Path) -> None:
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def _assemble(wheels: Path, folder: Path, python: str) -> None:
    shutil.copytree(wheels / "python", folder / "python", copy_function=_link)
    for relative, file in _millrace_files():
        target = folder / "python" / "millrace" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    if python == running_python():
        _compile(folder / "python")


def _compile(packages: Path) -> None:
    """Add byte code, which Lambda cannot store: the layer is read-only, so each cold start would compile it again.

    It does not depend on times of files. https://docs.python.org/3/library/py_compile.html
    """
    compileall.compile_dir(
        packages,
        quiet=2,
        stripdir=str(packages.parent),
        prependdir="/opt",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _millrace_files() -> list[tuple[str, Path]]:
    root = Path(millrace.__file__).parent
    return [(str(file.relative_to(root)), file) for name in _PACKAGES for file in files(root / name)]


def _contents(named: Iterable[tuple[str, Path]]) -> list[str | bytes]:
    return [part for name, file in named for part in (name, file.read_bytes())]


def _hash(parts: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def _cache() -> Path:
    return project() / ".millrace" / "layers"


def _cached(folder: Path, build: Callable[[Path], None]) -> Path:
    """Build a folder unless it exists, in a temporary folder first, so that it is never incomplete."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as temporary:
        built = Path(temporary) / "built"
        built.mkdir()
        build(built)
        if not folder.is_dir():
            built.rename(folder)
    return folder
