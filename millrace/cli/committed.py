"""The event contracts of a git commit."""

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from millrace.operations import UsageError

_FOLDER = "functions"
_REMEDY = "Compare with another commit (--commit), with saved contracts (--against FILE), or with AWS (--aws)."


def save_contracts_of(project: Path, commit: str, file: Path) -> None:
    """Save the contracts of a commit to a file, as `millrace compat --save` does in that version of the project.

    Raises UsageError if the project is in no git repository, or if the commit has no contracts.
    """
    with tempfile.TemporaryDirectory(prefix="millrace-compat-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_archive(project, commit))) as archive:
            archive.extractall(folder, filter="data")
        command = [sys.executable, "-m", "millrace", "compat", "--save", str(file.resolve())]
        saved = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if saved.returncode:
        raise UsageError(f"The contracts of the commit {commit} cannot be read: {saved.stderr.strip()}\n{_REMEDY}")


def _archive(project: Path, commit: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise UsageError(f"git is not installed, so there is no commit to compare with. {_REMEDY}")
    if commit.startswith("-"):
        raise UsageError(f"--commit {commit} is no commit. {_REMEDY}")
    command = [git, "archive", "--format=tar", commit, "--", _FOLDER]
    packed = subprocess.run(command, cwd=project, capture_output=True, check=False)
    if packed.returncode:
        reason = packed.stderr.decode(errors="replace").strip()
        raise UsageError(f"The commit {commit} of {project} has no {_FOLDER}: {reason}\n{_REMEDY}")
    return packed.stdout
