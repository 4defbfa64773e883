"""The layer that all functions share: the kit's runtime, and the pinned dependencies, without Docker.

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
from millrace.constructs.function.declared import FUNCTIONS, project

RUNTIME = lambda_.Runtime.PYTHON_3_14
PYTHON = RUNTIME.name.removeprefix("python")
PLATFORMS = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's name of an architecture, and that of Python's wheels."""
_KIT = ("__init__.py", "py.typed", "events", "runtime")


class LayerFailed(RuntimeError):
    """The layer's dependencies could not be installed; the text is what uv and pip said."""


def shared_layer(scope: Construct, architecture: lambda_.Architecture) -> lambda_.LayerVersion:
    """The one layer of the stack for an architecture, made by the first function that needs it."""
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
    """The folder of the layer, whose name is the hash of all that is in it.

    Two caches below `.millrace/layers`: the dependencies are installed anew when a pin changes, and
    the layer is put together anew when they or the kit's own code do.
    """
    wheels = _dependencies(architecture)
    installed = sorted(place.name for place in (wheels / "python").glob("*.dist-info"))
    key = _hash([*installed, PYTHON, architecture, *_contents(_kit_files())])
    return _once(_cache() / key, lambda folder: _assemble(wheels, folder))


def _dependencies(architecture: str) -> Path:
    needs, pins = project() / FUNCTIONS / "requirements.txt", project() / "requirements.txt"
    for file in (needs, pins):
        if not file.is_file():
            raise LayerFailed(f"{file} is missing: it says what the shared layer holds, and in which versions.")
    key = _hash([needs.read_bytes(), pins.read_bytes(), PYTHON, architecture])
    return _once(_cache() / f"wheels-{key}", lambda folder: _install(needs, pins, architecture, folder / "python"))


def _install(needs: Path, pins: Path, architecture: str, target: Path) -> None:
    wheels = PLATFORMS[architecture]
    uv = ["-m", "uv", "pip", "install", "--quiet", "--python-platform", f"{wheels}-manylinux2014"]
    pip = ["-m", "pip", "install", "--quiet", "--no-compile", "--platform", f"manylinux2014_{wheels}"]
    pip += ["--platform", f"manylinux_2_28_{wheels}", "--implementation", "cp"]
    rest = ["--target", str(target), "--python-version", PYTHON, "--only-binary", ":all:"]
    told = []
    for command in (uv, pip):  # uv is fast; pip is the way round where uv cannot reach the package index
        ran = subprocess.run(
            [sys.executable, *command, *rest, "-r", str(needs), "-c", str(pins)],
            capture_output=True,
            text=True,
            check=False,
        )
        if not ran.returncode:
            return _strip(target)
        told.append(f"{command[1]}: {ran.stderr.strip()}")
        shutil.rmtree(target, ignore_errors=True)
    raise LayerFailed("\n".join(["The shared layer could not be built.", *told]))


def _strip(target: Path) -> None:
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def _assemble(wheels: Path, folder: Path) -> None:
    shutil.copytree(wheels / "python", folder / "python", copy_function=_link)
    for relative, file in _kit_files():
        target = folder / "python" / "millrace" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _kit_files() -> list[tuple[str, Path]]:
    kit = Path(millrace.__file__).parent
    return [(str(file.relative_to(kit)), file) for name in _KIT for file in files(kit / name)]


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


def _once(folder: Path, build: Callable[[Path], None]) -> Path:
    """Build a folder that is not there yet, in another one first, so that it is there whole or not at all."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as half:
        built = Path(half) / "built"
        built.mkdir()
        build(built)
        if not folder.is_dir():
            built.rename(folder)
    return folder
