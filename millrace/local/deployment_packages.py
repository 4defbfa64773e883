"""The .zip files of functions and layers: what Lambda accepts, and how they are unpacked.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import io
import shutil
import uuid
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MOST_UNZIPPED_BYTES = 262_144_000
MOST_FILES = 65_535
"""Of the .zip format without its 64-bit extension; Lambda publishes no limit."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""zipfile reads the others without a limit on memory."""
_ENCRYPTED = 0x1
_UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
_EMPTY = "Uploaded file must be a non-empty zip"


class PackageError(ValueError):
    """A deployment package that Lambda refuses, with Lambda's message."""


def check(package: bytes) -> None:
    """Refuse a package by its directory, in which each file has its size. Raises PackageError.

    zipfile stops unpacking a file at that size.
    """
    if not package:
        raise PackageError(_EMPTY)
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            files = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise PackageError(_UNREADABLE) from error
    if not files:
        raise PackageError(_EMPTY)
    if sum(file.file_size for file in files) > MOST_UNZIPPED_BYTES:
        raise PackageError(f"Unzipped size must be smaller than {MOST_UNZIPPED_BYTES} bytes")
    if len(files) > MOST_FILES or not all(map(_is_accepted, files)):
        raise PackageError(_UNREADABLE)


def unpack(package: bytes, folder: Path) -> None:
    """Unpack a package into a folder that does not exist yet, whole or not at all. Raises PackageError."""
    check(package)
    scratch = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(scratch)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise PackageError(f"Lambda could not unzip the deployment package: {error}") from error
    try:
        scratch.rename(folder)
    except OSError:  # another process was first, with the same content
        shutil.rmtree(scratch)


def _is_accepted(file: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(file.filename)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and file.compress_type in _METHODS and not file.flag_bits & _ENCRYPTED
