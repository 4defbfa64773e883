"""One code asset for each function: its own folder, the contracts, and what it imports of other folders."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from millrace.constructs.function.declared import CONTRACTS, FUNCTIONS, project
from millrace.constructs.function.imports import imported_modules

_WORK = Path(".millrace")


def sources(function: str | None) -> list[str]:
    """The files and folders of a function's code, relative to the project; None is one that brings no own code.

    These are the contracts, its own folder, and single modules of other folders, where it imports them.
    """
    root = project()
    named = ["__init__.py", CONTRACTS, *([function] if function else [])]
    places = [f"{FUNCTIONS}/{name}" for name in named if (root / FUNCTIONS / name).exists()]
    own = [file for place in places for file in files(root / place) if file.suffix == ".py"]
    return places + [file.relative_to(root).as_posix() for file in imported_modules(root, own)]


def code_of(name: str, places: list[str], made: Mapping[str, str]) -> lambda_.AssetCode:
    """The code asset of a function. A new object for each call: one belongs to one stack."""
    code: lambda_.AssetCode = lambda_.Code.from_asset(str(stage(name, places, made)))
    return code


def stage(name: str, places: list[str], made: Mapping[str, str] | None = None) -> Path:
    """Lay a function's files out in `.millrace/stage/<name>` as they stand in the project, and those made at synth.

    Files that are gone vanish, those that are unchanged stay untouched: two synths at once do not disturb each other.
    """
    root = project()
    target = root / _WORK / "stage" / name
    wanted = {file.relative_to(root): file.read_bytes() for place in places for file in files(root / place)}
    wanted |= {Path(relative): text.encode() for relative, text in (made or {}).items()}
    for known in [file for file in target.rglob("*") if not file.is_dir()]:
        if known.relative_to(target) not in wanted:
            known.unlink()
    _drop_empty(target)
    for relative, content in wanted.items():
        _place(content, target / relative)
    return target


def files(place: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself, in a fixed order; no byte code, nothing hidden."""
    if place.is_file():
        yield place
    for file in sorted(place.rglob("*")):
        inside = file.relative_to(place).parts
        if file.is_file() and "__pycache__" not in inside and not any(part.startswith(".") for part in inside):
            yield file


def _place(content: bytes, target: Path) -> None:
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.{os.getpid()}")
    half.write_bytes(content)
    half.replace(target)


def _drop_empty(folder: Path) -> None:
    for place in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        if not any(place.iterdir()):
            place.rmdir()
