"""`up`, `run`, `settle` and `down`: a local cloud."""

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli.app import Json, app
from millrace.cli.console import counted, fail, say
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.events import Event
    from millrace.local.cloud import LocalCloud
    from millrace.local.cloudformation.deployment import Change
    from millrace.local.cloudformation.refusals import Options
    from millrace.operations.cloud import Cloud
    from millrace.operations.trace import Trace

PORT = 4566
Companion = Annotated[
    Path | None,
    typer.Option(
        "--companion",
        metavar="FILE.py",
        help="Run a Python program that plays an external system. It is ready with its first line of output.",
    ),
]

Skip = Annotated[
    list[str] | None,
    typer.Option(
        "--skip",
        metavar="TYPE|PATH",
        help="Deploy without resources of a type, or without a construct, such as Shop/Api. Repeatable.",
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="Set a parameter of the templates. Repeatable."),
]


@app.command()
def up(
    *,
    port: Annotated[
        int, typer.Option(metavar="N", envvar="MILLRACE_PORT", help="Choose the loopback port of the endpoint.")
    ] = PORT,
    companion: Companion = None,
    strict: Annotated[
        bool, typer.Option(help="Accept only a random access key, which is printed, and keys that the cloud gives out.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Let web pages of this origin call the local cloud. Can be repeated."),
    ] = None,
    skip: Skip = None,
    parameter: Parameters = None,
    template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Deploy a template of AWS SAM or CloudFormation instead of a CDK app."),
    ] = None,
    debug: Annotated[
        str | None, typer.Option(metavar="FUNCTION", help="Let a function wait for a debugger, such as VS Code's.")
    ] = None,
    debug_port: Annotated[int, typer.Option(metavar="N", help="Choose the loopback port of the debugger.")] = 5678,
) -> None:
    """Start the local cloud, deploy the stacks, redeploy on change."""
    from millrace.cli.companion import companion as running
    from millrace.cli.debug import check_function, debugging
    from millrace.cli.narration import narrated
    from millrace.cli.project import Project, TemplateProject
    from millrace.cli.watch import watch
    from millrace.operations.cloud import local_cloud

    options = _options(skip, parameter)
    project = TemplateProject(template, options.parameters) if template else Project.here()
    if local_cloud(project.noted_cloud()):
        raise UsageError("A local cloud is up here already: use it, or end it with millrace down.")
    settings: dict[str, Any] = {"strict": strict, "allowed_origins": allow_origin or ()}
    if debug:
        settings["debugging"] = debugging(project, debug, debug_port)
    with _deployed(project, port, options, **settings) as cloud:
        if debug:
            check_function(project, debug)
        project.is_up(cloud.environment())
        try:
            signals = _stopped_by_signals(cloud.stop_requested)
            with running(companion, cloud.environment()), signals, narrated(cloud):
                watch(project, cloud, options, lambda: _show_environment(cloud))
        finally:
            project.is_down()
    say("» down")


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.json", help="Recorded envelopes, readings or queries.")],
    *,
    companion: Companion = None,
    skip: Skip = None,
    parameter: Parameters = None,
    as_json: Json = False,
) -> None:
    """Put recorded events onto a fresh local cloud and print traces.

    Each file, with an event, readings or a query, settles before the next is put. For readings, the flows of the
    events that their windows publish are printed; for a query, its response.
    """
    from millrace.cli.companion import companion as running
    from millrace.cli.events import print_trace
    from millrace.cli.project import Project
    from millrace.operations.bus import put_event
    from millrace.operations.cloud import Cloud
    from millrace.operations.logs import find_trace

    project = Project.here()
    recorded = [(file, _content(file) or _recorded(project, file)) for file in files]
    with _deployed(project, 0, _options(skip, parameter)) as local, running(companion, local.environment()):
        cloud = Cloud(local.endpoint_url)
        for file, content in recorded:
            began, title = time.monotonic(), file.stem.replace("_", " ")
            if isinstance(content, dict) and "query" in content:
                _show_query(local, cloud, content, title)
                continue
            if isinstance(content, dict):
                count, flows = _put_readings(local, cloud, content)
                say("", f"» {title}: {count} readings settled after {time.monotonic() - began:.2f} s")
                for flow in flows:
                    print_trace(flow, as_json=as_json)
                continue
            metadata = put_event(cloud, content, project.bus())
            local.settle()
            say("", f"» {title}: settled after {time.monotonic() - began:.2f} s")
            print_trace(find_trace(cloud, project.stacks, metadata.correlation_id), as_json=as_json)


@app.command()
def settle(
    *,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Fail after this time.")] = 60,
    skip: Annotated[
        float, typer.Option(metavar="SECONDS", help="Skip at most this much idle time, for all who use the cloud.")
    ] = 3600,
) -> int:
    """Wait until the local cloud has no pending work.

    Idle time is skipped. Exits with 1 if work remains, such as an event that waits for an open circuit.
    """
    error = _local().call(f"settle/{timeout}/{skip}", "POST", timeout=timeout)
    if error:
        fail(error)
    return 1 if error else 0


@app.command()
def down() -> None:
    """End the local cloud that `millrace up` has started here."""
    cloud = _local()
    cloud.call("down", "POST")
    say(f"» {cloud.name} ends")


def _local() -> "Cloud":
    from millrace.cli.project import Project
    from millrace.operations.cloud import local_cloud

    cloud = local_cloud(Project.here().noted_cloud())
    if cloud is None:
        raise UsageError("No local cloud is up here: start one with millrace up.")
    return cloud


def _show_query(local: "LocalCloud", cloud: "Cloud", content: dict[str, Any], title: str) -> None:
    """Advance the clock by `advance_hours`, so that schedules run, then send the query and print its result."""
    from millrace.operations.queries import send_query

    local.advance(hours=content.get("advance_hours", 0))
    local.settle()
    say("", f"» {title}: GET {content['query']}", f"  {send_query(cloud, content['query'])}")


def _put_readings(local: "LocalCloud", cloud: "Cloud", content: dict[str, Any]) -> "tuple[int, list[Trace]]":
    """Put readings. Return their number, and the flows of the events that their windows publish."""
    from millrace.operations.readings import put_readings

    known = {flow.correlation_id for flow in local.traces()}
    count = put_readings(cloud, content, local.scheduler.clock.now())
    local.settle()
    return count, [flow for flow in local.traces() if flow.correlation_id not in known]


def _content(file: Path) -> dict[str, Any] | None:
    """Recorded readings of a stream processor, or a recorded query; None if the file contains something else."""
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from error
    return content if isinstance(content, dict) and {"readings", "query"} & content.keys() else None


def _recorded(project: "Project", file: Path) -> "Event":
    from millrace.cli.events import read_event

    try:
        name = json.loads(file.read_text())["detail-type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is not a recorded envelope: {error!r}") from error
    return read_event(project, name, f"@{file}")


@contextmanager
def _deployed(project: "Project", port: int, options: "Options", **settings: Any) -> Iterator["LocalCloud"]:
    """A local cloud with the project's stacks. It starts while they are synthesised."""
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        synthesised = pool.submit(project.synthesise)
        say("» starting the local cloud, synthesising the stacks")
        cloud = _start(port, **settings)
        try:
            say("» synthesised" if synthesised.result() else "» the assembly is up to date")
            _deploy(project, cloud, options)
            say(f"» ready after {time.monotonic() - began:.1f} s")
            yield cloud
        finally:
            cloud.close()


def _start(port: int, **settings: Any) -> "LocalCloud":
    from millrace.local.cloud import LocalCloud
    from millrace.local.endpoint.origins import OriginError

    try:
        return LocalCloud(port=port, **settings)
    except OriginError as error:
        raise UsageError(f"--allow-origin: {error}") from error
    except OSError as error:
        raise UsageError(str(error)) from error


def _options(skip: Sequence[str] | None, parameters: Sequence[str] | None) -> "Options":
    from millrace.local.cloudformation.refusals import Options

    pairs = [text.partition("=") for text in parameters or ()]
    for name, equals, _ in pairs:
        if not equals:
            raise UsageError(f"--parameter {name} has no value. Write --parameter {name}=VALUE.")
    return Options(frozenset(skip or ()), {name: value for name, _, value in pairs})


def _deploy(project: "Project", cloud: "LocalCloud", options: "Options") -> None:
    from millrace.local.cloudformation.assembly import AssemblyError
    from millrace.local.cloudformation.deployment import DeploymentError
    from millrace.local.cloudformation.synthesis import python_mismatch
    from millrace.local.cloudformation.template import TemplateError

    began = time.monotonic()
    changes: list[Change] = []
    try:
        cloud.deploy(project.assembly, changes.append, skip=options.skip, parameters=options.parameters)
    except (AssemblyError, DeploymentError, TemplateError) as error:
        raise UsageError(str(error)) from error
    say(f"» deployed {counted(len(changes), 'change')} in {time.monotonic() - began:.2f} s")
    if warning := python_mismatch(project.assembly):
        say(f"! {warning}")


def _show_environment(cloud: "LocalCloud") -> None:
    from millrace.local.workers.inside.confinement import missing

    addresses = [f"  {line}" for line in cloud.addresses()]
    say("", f"The local cloud is up at {cloud.endpoint_url}", *addresses, "", "In another terminal:", "")
    say(*(f"  export {name}={value}" for name, value in cloud.environment().items()), "")
    if lacking := missing():
        say(f"Functions are not confined: {lacking}.", "")
    say(
        "then `millrace put EVENT --data …`, `aws`, boto3 or any SDK.",
        "Saved changes are deployed. Ctrl-C ends it.",
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
