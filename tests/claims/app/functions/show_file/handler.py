"""Keeps the view of files."""

import hashlib

from functions.contracts.files import FileKept
from functions.contracts.views import FileView
from millrace.runtime import projection


@projection
def handler(event: FileKept, file: FileView | None) -> FileView | None:
    """The hash of the last content, and how often there was another."""
    digest = hashlib.sha256(event.content.encode()).hexdigest()
    return FileView(file_id=event.file_id, sha256=digest, times=file.times + 1 if file else 1)
