"""`logs`: what functions print, and how they fail."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Aws, app

if TYPE_CHECKING:
    from millrace.operations.function_logs import FunctionLine
    from millrace.operations.log_lines import LogLine


@app.command()
def logs(
    function: Annotated[
        str | None, typer.Argument(metavar="FUNCTION", help="Its folder. Default: every function.")
    ] = None,
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="Begin at 2026-11-27T10:00, or 10min ago.")] = "10min",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow new lines until Ctrl-C.")] = False,
    aws: Aws = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as a line of JSON.")] = False,
) -> None:
    """Print what functions print and how they fail.

    They are read from CloudWatch Logs.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.function_logs import lines_of
    from millrace.operations.replay import parse_time

    project = Project.here()
    cloud = Target(aws).cloud(project)
    begin = parse_time(since, cloud.now()).timestamp()
    try:
        for found in lines_of(project.deployed(cloud), function, begin, follow=follow):
            _print(found, as_json=as_json)
    except KeyboardInterrupt:
        return


def _print(found: "FunctionLine", *, as_json: bool) -> None:
    if as_json:
        console.data(asdict(found))
    else:
        console.out(function_line(found.at, found.function, found.line))


def function_line(at: float, function: str, line: "LogLine") -> str:
    """A line of a function's log, with its time."""
    moment = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
    return f"{moment}  {function:<16}  {'✗ ' if line.is_error else ''}{' '.join(line.text.splitlines())}"
