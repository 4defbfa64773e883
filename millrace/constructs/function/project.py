"""The user's project: its folder, its contracts, its stage, and the source lines that create constructs."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from constructs import Construct

import millrace
from millrace.events import Catalog, Event
from millrace.flow.assembly import SOURCE_LOCATION, SourceLocation

STAGE = "stage"
"""The context key of the stage."""
_STAGE_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")
EventTypes = Iterable[type[Event]]
FUNCTIONS = "functions"
CONTRACTS = "contracts"
_PACKAGE = Path(millrace.__file__).parent


class StageNameError(ValueError):
    """The name of a stage does not fit into the names of resources."""


def staged(scope: Construct, name: str, *, separator: str = "-") -> str:
    """Return a name with the stage of the app, as `shop-dev`; without a stage, the name itself.

    The context `stage` names it: `cdk deploy --context stage=dev`. Raises StageNameError.
    """
    stage = scope.node.try_get_context(STAGE)
    if not stage:
        return name
    if not _STAGE_NAME.fullmatch(str(stage)):
        raise StageNameError(f"The stage {stage!r} must have 1 to 16 lower-case letters and digits, a letter first.")
    return f"{name}{separator}{stage}"


def project() -> Path:
    """Return the working directory: the CDK CLI runs an app in its project folder."""
    return Path.cwd()


def contracts() -> Catalog:
    """Load the project's contracts; a project without a contracts folder has none."""
    exists = (project() / FUNCTIONS / CONTRACTS).is_dir()
    return Catalog.load(f"{FUNCTIONS}.{CONTRACTS}") if exists else Catalog([])


def record_source_location(construct: Construct) -> None:
    """Store the project line that creates this construct in the assembly's metadata.

    Metadata lies outside the template, so moving the line does not change the deployment.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads source files and is slow
    while frame:
        file = Path(frame.f_code.co_filename)
        if _belongs_to_project(file):
            location = SourceLocation(file.relative_to(project()).as_posix(), frame.f_lineno)
            construct.node.add_metadata(SOURCE_LOCATION, str(location))
            return
        frame = frame.f_back


def _belongs_to_project(file: Path) -> bool:
    if not file.is_relative_to(project()) or file.is_relative_to(_PACKAGE):
        return False
    parts = file.relative_to(project()).parts
    return "site-packages" not in parts and not parts[0].startswith(".")
