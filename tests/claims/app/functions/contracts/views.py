"""The view of files."""

from millrace.runtime import View


class FileView(View, key="file_id"):
    """A file, by its hash."""

    file_id: str
    sha256: str
    times: int = 1
