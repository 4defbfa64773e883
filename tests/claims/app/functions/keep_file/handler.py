"""Keeps a file, as often as it is other than before."""

import hashlib
from dataclasses import dataclass

from functions.contracts.files import FileKept, KeepFile
from millrace.runtime import EventStore, processor


@dataclass
class File:
    """What is known of a file."""

    sha256: str = ""

    def keep(self, command: KeepFile) -> FileKept | None:
        """Keep it, unless that is what is there."""
        if _hash(command.content) == self.sha256:
            return None
        return FileKept(file_id=command.file_id, content=command.content)

    def apply(self, event: FileKept) -> None:
        """It is this now."""
        self.sha256 = _hash(event.content)


@processor
def handler(command: KeepFile, files: EventStore[File]) -> None:
    """Let the file decide."""
    files.update(command.file_id, lambda file: file.keep(command))


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
