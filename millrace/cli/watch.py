"""Redeploy on every saved change: a handler within a second, a stack after a synth."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import Change
from watchfiles import watch as watch_files

from millrace.cli.console import counted, say
from millrace.cli.project import Project
from millrace.local.cloudformation.deployment import Change as Deployed
from millrace.local.cloudformation.deployment import DeploymentError
from millrace.local.cloudformation.refusals import Options
from millrace.local.cloudformation.synthesis import files_of
from millrace.local.cloudformation.template import TemplateError
from millrace.operations import UsageError
from millrace.operations.printable import printable_lines

if TYPE_CHECKING:
    from millrace.local.cloud import LocalCloud

_DEBOUNCE_MS = 100
_STEP_MS = 50
_POLL_MS = 200


def watch(project: Project, cloud: "LocalCloud", options: Options, ready: Callable[[], None]) -> None:
    """Deploy saved changes until the cloud must stop. Calls `ready` once every change is noticed.

    If a change cannot be deployed, the deployed version keeps running.
    """
    started = False
    inputs = project.inputs
    for changes in watch_files(
        *inputs,
        watch_filter=_is_source,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=_POLL_MS,
        yield_on_timeout=True,
        stop_event=cloud.stop_requested,
        raise_interrupt=False,
    ):
        if not started:
            ready()
            started = True
        if not changes:
            continue
        files = sorted({Path(name).relative_to(project.root.resolve()) for _, name in changes})
        say(f"» saved: {', '.join(map(str, files))}")
        _redeploy(project, cloud, options, files)


def _is_source(_change: Change, name: str) -> bool:
    path = Path(name)
    return "__pycache__" not in path.parts and not path.name.startswith(".") and not path.name.endswith(("~", ".swp"))


def _redeploy(project: Project, cloud: "LocalCloud", options: Options, files: list[Path]) -> None:
    began = time.monotonic()
    swapped: list[str] = []
    try:
        swapped = list(_swap(project, cloud, files))
        if swapped:
            say(f"  {', '.join(swapped)}: new code after {time.monotonic() - began:.2f} s")
        project.synthesise()
        changes: list[Deployed] = []
        cloud.deploy(project.assembly, changes.append, skip=options.skip, parameters=options.parameters)
    except (UsageError, DeploymentError, TemplateError) as error:
        code = "new code" if swapped else "code"
        lines = printable_lines(f"not deployed, the previous stacks keep running with their {code}: {error}")
        say(*(f"  {line}" for line in lines))
    else:
        say(f"  {counted(len(changes), 'change')} deployed after {time.monotonic() - began:.2f} s")


def _swap(project: Project, cloud: "LocalCloud", files: list[Path]) -> Iterator[str]:
    """Update the code of each function whose sources have changed, before any synth."""
    for file in sorted(project.assembly.glob("*.template.json")):
        stack = file.name.removesuffix(".template.json")
        for logical_id, resource in json.loads(file.read_text())["Resources"].items():
            known = resource.get("Metadata", {}).get("millrace", {})
            if any(_within(changed, source) for changed in files for source in known.get("sources", ())):
                name = cloud.physical_id(stack, logical_id)
                code = _archive(project.root, known["sources"])
                cloud.client("lambda").update_function_code(FunctionName=name, ZipFile=code)
                yield str(known["function"])


def _within(file: Path, source: str) -> bool:
    return file == Path(source) or Path(source) in file.parents


def _archive(root: Path, sources: list[str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sources:
            for file in files_of(root / source):
                archive.write(file, file.relative_to(root))
    return packed.getvalue()
