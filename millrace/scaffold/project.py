"""Create a project, or render the files around its code again after an update of Millrace."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import yaml  # type: ignore[import-untyped]

TEMPLATES = Path(__file__).parent / "templates"
ANSWERS = ".copier-answers.yml"
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


class ScaffoldError(ValueError):
    """A project or a piece cannot be created here."""


def create_project(folder: Path) -> None:
    """Create a project in a new folder, which has the name of the project, the stack and the bus."""
    if not _NAME.fullmatch(folder.name):
        raise ScaffoldError(f"{folder.name!r} is no name of a project: use lower-case letters, digits and hyphens.")
    if folder.exists() and any(folder.iterdir()):
        raise ScaffoldError(f"{folder} exists and is not empty: choose another name, or delete it.")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    render("project", folder, {"name": folder.name, "python": version})


def update_project(root: Path) -> None:
    """Render Makefile, pyproject.toml, workflow and editor files again. `git diff` then shows what changed."""
    answers = root / ANSWERS
    if not answers.is_file():
        raise ScaffoldError(f"{answers} is missing: only a project of millrace init can be updated.")
    changed = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607 - git is where the user has it
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if changed.returncode or changed.stdout.strip():
        raise ScaffoldError(f"{root} has uncommitted changes or no git repository: commit first, then compare.")
    render("project", root, yaml.safe_load(answers.read_text()))


def render(template: str, folder: Path, data: dict[str, Any]) -> None:
    """Render a template into a folder. Files that the template leaves to the user are kept."""
    copier.run_copy(
        str(TEMPLATES / template), folder, data=data, defaults=True, overwrite=True, quiet=True, unsafe=False
    )
