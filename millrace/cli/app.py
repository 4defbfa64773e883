"""The commands and their common options. Command modules import what they need when they run: `--help` stays fast."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import millrace
from millrace.cli import console
from millrace.cli.settings import add_settings

_MODULES = (
    "scaffold",
    "up",
    "events",
    "logs",
    "dlq",
    "replay",
    "rebuild",
    "event_stores",
    "flow",
    "cost",
    "contracts",
    "resources",
    "simulate",
)
"""The modules that register commands, in the order of the help."""


class Commands(TyperGroup):
    """A group of commands that prints its help if none is given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments of the group."""
        return super().parse_args(ctx, args or ["--help"])


app = typer.Typer(cls=Commands, help="Run, test and operate event-driven systems on AWS.")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Aws = Annotated[bool, typer.Option("--aws", help="Go to AWS, with the credentials of the shell.")]
Yes = Annotated[bool, typer.Option("--yes", help="Confirm without a question.")]
Bus = Annotated[str | None, typer.Option("--bus", metavar="NAME", help="Choose a bus. Default: that of the stacks.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file instead of the terminal.")]


def command() -> Any:
    """The whole `millrace` command, with styled help on a terminal."""
    for name in _MODULES:
        import_module(f"millrace.cli.{name}")
    add_settings(app)
    app.rich_markup_mode = "rich" if console.is_styled() else None
    return typer.main.get_command(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        console.out(millrace.__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda wanted: _version(wanted=wanted), is_eager=True, help="Print the version."
        ),
    ] = False,
    verbose: Annotated[  # `main` removes it from any position
        bool, typer.Option("--verbose", help="Print the whole traceback of an error. Works for every command.")
    ] = False,
) -> None:
    pass
