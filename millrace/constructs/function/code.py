"""The code asset of a function: its own folder, the contracts, and modules that it imports from other folders."""

import ast
import os
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path

from aws_cdk import aws_lambda as lambda_

from millrace.constructs.function.project import CONTRACTS, FUNCTIONS, project

_STAGE = Path(".millrace") / "stage"


def source_paths(folder: str | None) -> list[str]:
    """Return the files and folders of a function's code, relative to the project; without a folder, the contracts."""
    root = project()
    names = ["__init__.py", CONTRACTS, *([folder] if folder else [])]
    paths = [f"{FUNCTIONS}/{name}" for name in names if (root / FUNCTIONS / name).exists()]
    own = [file for path in paths for file in files(root / path) if file.suffix == ".py"]
    return paths + [file.relative_to(root).as_posix() for file in _imported_modules(root, own)]


def function_code(name: str, paths: list[str], generated_files: Mapping[str, str]) -> lambda_.AssetCode:
    """Create the code asset of a function. Each call creates a new object, because an asset belongs to one stack."""
    code: lambda_.AssetCode = lambda_.Code.from_asset(str(stage(name, paths, generated_files)))
    return code


def stage(name: str, paths: list[str], generated_files: Mapping[str, str] | None = None) -> Path:
    """Copy a function's files to `.millrace/stage/<name>`, delete stale ones, and return the folder.

    Unchanged files are not rewritten, so concurrent synths do not disturb each other.
    """
    root = project()
    target = root / _STAGE / name
    wanted = {file.relative_to(root): file.read_bytes() for path in paths for file in files(root / path)}
    wanted |= {Path(relative): text.encode() for relative, text in (generated_files or {}).items()}
    for file in [file for file in target.rglob("*") if not file.is_dir()]:
        if file.relative_to(target) not in wanted:
            file.unlink()
    _remove_empty_folders(target)
    for relative, content in wanted.items():
        _write(content, target / relative)
    return target


def files(path: Path) -> Iterator[Path]:
    """Return the sorted files of a folder, or the file itself, without byte code, hidden files, and requirements."""
    if path.is_file():
        yield path
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        hidden = "__pycache__" in parts or any(part.startswith(".") for part in parts)
        if file.is_file() and not hidden and file.name != "requirements.txt":
            yield file


def _write(content: bytes, target: Path) -> None:
    if target.is_file() and target.read_bytes() == content:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(target)


def _remove_empty_folders(root: Path) -> None:
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _imported_modules(root: Path, own: list[Path]) -> list[Path]:
    """Return the files below `functions/` that these files import, directly or indirectly, without running them."""
    found: dict[Path, None] = {}
    pending = list(own)
    while pending:
        for file in _imports(root, pending.pop()):
            if file not in found and file not in own:
                found[file] = None
                pending.append(file)
    return sorted(found)


def _imports(root: Path, file: Path) -> Iterator[Path]:
    package = ".".join(file.parent.relative_to(root).parts)
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        for name in _module_names(node, package):
            if name.split(".")[0] == FUNCTIONS:
                yield from _files_of(root, name)


def _module_names(node: ast.AST, package: str) -> Iterator[str]:
    """Return the modules of an import; `from a import b` can mean the module a.b or a name in a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _files_of(root: Path, module: str) -> Iterator[Path]:
    path = root
    for part in module.split("."):
        path /= part
        yield from (file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file())
