"""Which line of the project made a construct, for those who tell a person where to look.

It is noted in the assembly's metadata, beside the template: a line that moves does not change what is deployed.
"""

import sys
from pathlib import Path
from types import FrameType

from constructs import Construct

import millrace
from millrace.constructs.declared import project
from millrace.flow.assembly import SOURCE_LOCATION, SourceLocation

_KIT = Path(millrace.__file__).parent


def note_place(construct: Construct) -> None:
    """Note the line of the project that is making this construct; none, where no line of the project is."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to the callers that costs nothing
    while frame:
        file = Path(frame.f_code.co_filename)
        if _is_the_users(file):
            place = SourceLocation(file.relative_to(project()).as_posix(), frame.f_lineno)
            construct.node.add_metadata(SOURCE_LOCATION, str(place))
            return
        frame = frame.f_back


def _is_the_users(file: Path) -> bool:
    if not file.is_relative_to(project()) or file.is_relative_to(_KIT):
        return False
    inside = file.relative_to(project()).parts
    return "site-packages" not in inside and not inside[0].startswith(".")
