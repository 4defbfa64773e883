"""The `millrace` command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from traceback import format_exception

from millrace.cli import console
from millrace.operations import UsageError

_EXTRAS = {
    **dict.fromkeys(("typer", "rich"), "all"),
    **dict.fromkeys(("aws_cdk", "constructs", "copier", "jsii"), "constructs"),
    "debugpy": "debug",
    **dict.fromkeys(("boto3", "botocore", "httptools", "joserfc", "moto", "uvicorn", "watchfiles", "yaml"), "local"),
}
"""The extra of the package that brings each module."""
_VERBOSE = "--verbose"
_FAILED, _WRONG_USAGE, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command with the given arguments or, without any, with those of the process.

    Returns its exit status: 0, 1 after a failure, 2 after wrong usage, 130 after Ctrl-C.
    """
    if arguments is None:
        console.guard_process()
    sys.path.insert(0, str(Path.cwd()))  # to import the project's `functions`
    given = list(sys.argv[1:] if arguments is None else arguments)
    verbose = _VERBOSE in given
    try:
        return _run([word for word in given if word != _VERBOSE])
    except UsageError as error:
        if verbose and error.details:
            console.warn(error.details)
        console.fail(str(error))
        return _WRONG_USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        line = None if verbose else _explained(error)
        if line is None:
            raise
        console.fail(line)
        return _FAILED


def _run(arguments: Sequence[str]) -> int:
    from typer.exceptions import TyperException

    from millrace.cli.app import command

    try:
        return int(command().main(list(arguments), prog_name="millrace", standalone_mode=False) or 0)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "millrace"
        message = error.format_message()
        end = "" if message.endswith((".", "?")) else "."
        raise UsageError(f"{message}{end} See {path} --help.") from error


def _explained(error: Exception) -> str | None:
    """The line that explains an error which is not a bug. None for any other error."""
    if isinstance(error, ModuleNotFoundError) and (extra := _EXTRAS.get((error.name or "").partition(".")[0])):
        return f"{error.name} is not installed. Install the extra: pip install 'millrace[{extra}]'"
    from millrace.operations.cloud import explained
    from millrace.operations.tracebacks import project_error

    return explained(error) or project_error("".join(format_exception(error)), Path.cwd())
