"""The bytecode of functions, which the pool writes for their next workers."""

import contextlib
import marshal
import struct
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

from millrace.local.workers.inside.worker import FreshLoader


def cache_bytecode(files: Sequence[str], code: Path, package_view: Path) -> None:
    """Write the bytecode of a function's modules and packages, which its next workers load.

    A worker only names the files: code that it wrote would run in later workers.
    """
    for file in files:
        path = Path(file)
        if ".." in path.parts or not (path.is_relative_to(code) or path.is_relative_to(package_view)):
            continue
        loader = FreshLoader if path.is_relative_to(code) else SourceFileLoader
        with contextlib.suppress(OSError, SyntaxError):  # replaced meanwhile; the next worker names it again
            _write_bytecode(loader(path.stem, file), file)


def _write_bytecode(loader: SourceFileLoader, file: str) -> None:
    """https://peps.python.org/pep-0552/."""
    about, code = loader.path_stats(file), loader.source_to_code(loader.get_data(file), file)
    stamps = struct.pack("<III", 0, int(about["mtime"]) & 0xFFFFFFFF, about["size"] & 0xFFFFFFFF)
    loader.set_data(cache_from_source(file), MAGIC_NUMBER + stamps + marshal.dumps(code))
