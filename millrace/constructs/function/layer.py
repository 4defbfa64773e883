"""The layer that all functions share: millrace.runtime and its pinned dependencies, built without Docker.

https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

import millrace
from millrace.constructs.function.code import files
from millrace.constructs.function.project import FUNCTIONS, project

RUNTIME = lambda_.Runtime.PYTHON_3_14
PYTHON = RUNTIME.name.removeprefix("python")
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Names of architectures: Lambda's, and those of Python wheels."""
_PACKAGES = ("__init__.py", "py.typed", "events", "runtime")


class LayerBuildError(RuntimeError):
    """uv and pip could not install the layer's dependencies; the message contains their output."""


def shared_layer(scope: Construct, architecture: lambda_.Architecture) -> lambda_.LayerVersion:
    """Return the layer of the stack for an architecture, and create it for the first function that needs it."""
    stack = Stack.of(scope)
    known = stack.node.try_find_child(_name(architecture))
    return known if isinstance(known, lambda_.LayerVersion) else _layer(stack, architecture)


def _layer(stack: Stack, architecture: lambda_.Architecture) -> lambda_.LayerVersion:
    folder = build_layer(architecture.name)
    return lambda_.LayerVersion(
        stack,
        _name(architecture),
        code=lambda_.Code.from_asset(str(folder), asset_hash=folder.name),
        compatible_architectures=[architecture],
        compatible_runtimes=[RUNTIME],
        description="millrace.runtime and its pinned dependencies",
    )


def _name(architecture: lambda_.Architecture) -> str:
    return f"Layer{architecture.name.title().replace('_', '')}"


def build_layer(architecture: str) -> Path:
    """Build the layer and return its folder, whose name is the hash of its content.

    `.millrace/layers` caches the installed dependencies until a pin changes, and the layer until its content changes.
    """
    wheels = _dependencies(architecture)
    installed = sorted(path.name for path in (wheels / "python").glob("*.dist-info"))
    key = _hash([*installed, PYTHON, architecture, *_contents(_millrace_files())])
    return _cached(_cache() / key, lambda folder: _assemble(wheels, folder))


def _dependencies(architecture: str) -> Path:
    requirements, pins = project() / FUNCTIONS / "requirements.txt", project() / "requirements.txt"
    for file in (requirements, pins):
        if not file.is_file():
            raise LayerBuildError(
                f"{file} is missing: create it with the dependencies of the shared layer and their versions."
            )
    key = _hash([requirements.read_bytes(), pins.read_bytes(), PYTHON, architecture])
    return _cached(
        _cache() / f"wheels-{key}", lambda folder: _install(requirements, pins, architecture, folder / "python")
    )


def _install(requirements: Path, pins: Path, architecture: str, target: Path) -> None:
    wheels = PLATFORMS[architecture]
    uv = ["-m", "uv", "pip", "install", "--quiet", "--python-platform", f"{wheels}-manylinux2014"]
    pip = ["-m", "pip", "install", "--quiet", "--no-compile", "--platform", f"manylinux2014_{wheels}"]
    pip += ["--platform", f"manylinux_2_28_{wheels}", "--implementation", "cp"]
    options = ["--target", str(target), "--python-version", PYTHON, "--only-binary", ":all:"]
    errors = []
    for command in (uv, pip):  # uv is faster; pip also reads its own index configuration
        ran = subprocess.run(
            [sys.executable, *command, *options, "-r", str(requirements), "-c", str(pins)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not ran.returncode:
            return _strip(target)
        errors.append(f"{command[1]}: {ran.stderr.strip()}")
        shutil.rmtree(target, ignore_errors=True)
    raise LayerBuildError("\n".join(["The shared layer could not be built.", *errors]))


def _strip(target: Path) -> None:
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def _assemble(wheels: Path, folder: Path) -> None:
    shutil.copytree(wheels / "python", folder / "python", copy_function=_link)
    for relative, file in _millrace_files():
        target = folder / "python" / "millrace" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


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
