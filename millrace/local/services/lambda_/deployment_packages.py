"""Deployment packages (.zip files) of functions and layers: check and unpack them.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import io
import shutil
import uuid
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MAX_UNZIPPED_BYTES = 262_144_000
MAX_FILES = 65_535
"""The limit of the .zip format without its 64-bit extension. Lambda publishes no limit."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""zipfile reads other methods without a memory limit."""
_ENCRYPTED = 0x1
_UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
_EMPTY = "Uploaded file must be a non-empty zip"


class PackageError(ValueError):
    """Lambda does not accept a deployment package. The message is Lambda's."""


def check(package: bytes) -> None:
    """Check a package by the file sizes in its directory. Raises PackageError.

    zipfile stops unpacking a file at the size in the directory.
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
    if sum(file.file_size for file in files) > MAX_UNZIPPED_BYTES:
        raise PackageError(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")
    if len(files) > MAX_FILES or not all(map(_is_accepted, files)):
        raise PackageError(_UNREADABLE)


def unpack(package: bytes, folder: Path) -> None:
    """Unpack a package atomically into a folder that does not exist. Raises PackageError."""
    check(package)
    scratch = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(scratch)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RecursionError, ValueError) as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise PackageError(f"Lambda could not unzip the deployment package: {error}") from error
    try:
        scratch.rename(folder)
    except OSError:  # another process has created the folder with the same content
        shutil.rmtree(scratch)


def _is_accepted(file: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(file.filename)
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and file.compress_type in _METHODS and not file.flag_bits & _ENCRYPTED
