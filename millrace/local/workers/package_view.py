"""A folder of links through which a worker sees the packages of its layers, and nothing else of this machine.

Layers hold wheels for Lambda's processor and Python. What is pure Python is used as deployed; what holds native code is
taken from the local environment, in the same version.
"""

import csv
import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

RUNTIME = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""What Lambda's runtime brings. https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included"""
CLOCK = ("time-machine",)
"""The distribution that sets the clock of a worker to that of its cloud."""

_NATIVE = (".so", ".dylib", ".pyd")
_NO_IMPORTS = ("bin", "__pycache__")


class LayerMismatchError(Exception):
    """A layer holds native code that the local environment cannot stand in for."""


def make_package_view(layers: Sequence[Path], cache: Path) -> Path:
    """The folder of links for some layers, made below `cache` once for each content.

    Raises LayerMismatchError if native code of a layer has no equal here.
    """
    links = _links(layers)
    key = hashlib.sha256(json.dumps(links, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache.resolve() / "packages" / key
    if not folder.exists():
        _write(links, folder)
    return folder


def _links(layers: Sequence[Path]) -> dict[str, str]:
    links: dict[str, str] = {}
    for name in RUNTIME:
        links |= _installed(_local(name, f"Lambda's runtime brings {name}"))
    for name in CLOCK:
        links |= _installed(_local(name, f"a worker's time is set by {name}"))
    for layer in layers:
        for root in _roots(layer.resolve()):
            links |= _layer_links(root)
    return links


def _write(links: dict[str, str], folder: Path) -> None:
    scratch = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    scratch.mkdir(parents=True)
    for name, target in links.items():
        (scratch / name).symlink_to(target)
    try:
        scratch.rename(folder)
    except OSError:  # another process was first, with the same content
        shutil.rmtree(scratch)


def _roots(layer: Path) -> Iterator[Path]:
    """https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths."""
    yield from (root for root in layer.glob("python/lib/python3.*/site-packages") if root.is_dir())
    if (layer / "python").is_dir():
        yield layer / "python"


def _layer_links(root: Path) -> dict[str, str]:
    links = {entry.name: str(entry) for entry in root.iterdir() if entry.name not in (*_NO_IMPORTS, "lib")}
    named, owned = set(links), set[str]()
    for package in distributions(path=[str(root)]):
        files = _files(package)
        owned |= _top_levels(files)
        if any(file.endswith(_NATIVE) for file in files):
            links = {name: target for name, target in links.items() if name not in _top_levels(files)}
            links |= _installed(_equal(package, root))
    for name in named - owned:
        _refuse_native(root / name)
    return links


def _equal(package: Distribution, root: Path) -> Distribution:
    """The local distribution of the same version."""
    needed = f"the layer {root} holds {package.name} {package.version}, with native code built for Lambda"
    local = _local(package.name, needed)
    if local.version != package.version:
        raise LayerMismatchError(
            f"{package.name}: {needed}, but here {local.version} is installed. "
            f"Install it: pip install {package.name}=={package.version}. "
            f"Or pin {local.version} and build the layer again."
        )
    return local


def _local(name: str, why: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise LayerMismatchError(
            f"{name}: {why}, but here it is not installed. Install it: pip install {name}"
        ) from None


def _refuse_native(entry: Path) -> None:
    files = entry.rglob("*") if entry.is_dir() else [entry]
    if native := next((file for file in files if file.name.endswith(_NATIVE)), None):
        raise LayerMismatchError(
            f"{entry.name}: {native} is native code that belongs to no installed package (there is no .dist-info with "
            "it), so none here can stand in for it. Keep the .dist-info folders when the layer is built."
        )


def _installed(package: Distribution) -> dict[str, str]:
    return {name: str(package.locate_file(name)) for name in _top_levels(_files(package))}


def _files(package: Distribution) -> list[str]:
    record = package.read_text("RECORD")
    if record is None:
        raise LayerMismatchError(
            f"{package.name}: its installation keeps no RECORD of its files. Install it with pip or uv."
        )
    return [row[0] for row in csv.reader(record.splitlines()) if row]


def _top_levels(files: list[str]) -> set[str]:
    names = {file.partition("/")[0] for file in files}
    return {name for name in names if name not in ("..", *_NO_IMPORTS) and not name.endswith(".pth")}
