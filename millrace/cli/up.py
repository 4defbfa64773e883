"""`up`, `run` and `down`: a local cloud for a while, or just for some events."""

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from millrace.cli.beside import played
from millrace.cli.console import fail, say
from millrace.cli.flows import find_trace, print_trace, put_event, read_event
from millrace.cli.project import Project, WrongUse
from millrace.cli.target import Cloud, local_cloud

if TYPE_CHECKING:
    from millrace.events import Event
    from millrace.local.cloud import LocalCloud
    from millrace.local.deployment import Change


def up(project: Project, *, port: int, beside: Path | None = None, allowed_origins: Sequence[str] = ()) -> int:
    """Keep a local cloud up until Ctrl-C, SIGTERM or `millrace down`."""
    from millrace.cli.watch import watch  # noqa: PLC0415
    from millrace.local.origins import OriginError, Origins  # noqa: PLC0415

    try:
        Origins(allowed_origins)
    except OriginError as error:
        raise WrongUse(f"--allow-origin: {error}") from error
    if local_cloud(project):
        raise WrongUse("A local cloud is up here already: use it, or end it with millrace down.")
    with _deployed(project, port, allowed_origins) as cloud:
        project.is_up(cloud.endpoint_url)
        try:
            with _stopped_by_signals(cloud.stop_requested), played(beside, cloud.environment()):
                watch(project, cloud, lambda: _invite(cloud))
        finally:
            project.is_down()
    say("» down")
    return 0


def run(project: Project, files: Sequence[Path], *, machine: bool, beside: Path | None = None) -> int:
    """Put recorded events, wait for each to settle, print its tree. 1 if something was refused."""
    events = [(file, _recorded(project, file)) for file in files]
    with _deployed(project, 0) as local, played(beside, local.environment()):
        cloud = Cloud(local.endpoint_url)
        for file, event in events:
            began = time.monotonic()
            metadata = put_event(cloud, event, project.bus())
            local.settle()
            say("", f"» {file.stem.replace('_', ' ')}: settled after {time.monotonic() - began:.2f} s")
            print_trace(find_trace(project, cloud, metadata.correlation_id), machine=machine)
    return 0


def down(project: Project) -> int:
    """End the local cloud of this project."""
    cloud = _local(project)
    cloud.ask("down", "POST")
    say(f"» {cloud.name} ends")
    return 0


def settle(project: Project, patience: float) -> int:
    """Wait for the local cloud of this project. 1 if it does not settle."""
    answer = _local(project).ask(f"settle/{patience}", "POST", patience=patience)
    if answer:
        fail(answer)
    return 1 if answer else 0


def _local(project: Project) -> Cloud:
    cloud = local_cloud(project)
    if cloud is None:
        raise WrongUse("No local cloud is up here: start one with millrace up.")
    return cloud


def _recorded(project: Project, file: Path) -> "Event":

    try:
        name = json.loads(file.read_text())["detail-type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"{file} is no recorded envelope: {error!r}") from error
    return read_event(project, name, f"@{file}")


@contextmanager
def _deployed(project: Project, port: int, allowed_origins: Sequence[str] = ()) -> Iterator["LocalCloud"]:
    """A local cloud with the project's stacks, which is started while they are synthesised."""
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        synthesised = pool.submit(project.synthesise)
        say("» starting the local cloud, synthesising the stacks")
        cloud = _start(port, allowed_origins)
        try:
            say("» synthesised" if synthesised.result() else "» the assembly is up to date")
            deploy(project, cloud)
            say(f"» ready after {time.monotonic() - began:.1f} s")
            yield cloud
        finally:
            cloud.close()


def _start(port: int, allowed_origins: Sequence[str]) -> "LocalCloud":
    from millrace.local.cloud import LocalCloud  # noqa: PLC0415 - moto takes a second that `--help` need not

    try:
        return LocalCloud(port=port, allowed_origins=allowed_origins)
    except OSError as error:
        raise WrongUse(str(error)) from error


def deploy(project: Project, cloud: "LocalCloud") -> None:
    """Deploy the assembly, and say what changed."""
    began = time.monotonic()
    changes: list[Change] = []
    cloud.deploy(project.assembly, changes.append)
    say(f"» deployed {len(changes)} changes in {time.monotonic() - began:.2f} s")


def _invite(cloud: "LocalCloud") -> None:
    say("", f"The local cloud is up at {cloud.endpoint_url}. In another terminal:", "")
    for name, value in cloud.environment().items():
        say(f"  export {name}={value}")
    say(
        "",
        "then `millrace put EVENT --data …`, `aws`, boto3, any SDK. Saved changes are deployed. Ctrl-C ends it.",
        "",
    )


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the wait instead of the process."""
    former = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
