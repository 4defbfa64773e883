"""Packages of functions that kill their process once, at a call of an AWS API."""

import io
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CRASH = """
import os, pathlib, signal
from botocore.client import BaseClient

CALL, SEEN, MARK = BaseClient._make_api_call, [], pathlib.Path({mark!r})

def call(client, operation, parameters):
    SEEN.append(operation)
    here = {point!r} == (operation, SEEN.count(operation)) and not MARK.exists()
    if here and {before!r}:
        die()
    answer = CALL(client, operation, parameters)
    if here:
        die()
    return answer

def die():
    MARK.touch()
    os.kill(os.getpid(), signal.SIGKILL)

BaseClient._make_api_call = call
"""


def crashing_package(folder, mark, point, *, before, inside="handler"):
    """Return the package of a function. Its module `inside` kills the process and creates the file `mark`.

    `point` is the name of an operation and the number of its call.
    """
    preamble, packed = CRASH.format(mark=str(mark), point=point, before=before), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (*(ROOT / "functions/contracts").rglob("*.py"), *(ROOT / "functions" / folder).rglob("*.py")):
            first = preamble if file.stem == inside else ""
            archive.writestr(str(file.relative_to(ROOT)), first + file.read_text())
    return packed.getvalue()
