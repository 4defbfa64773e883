"""`resources`: what the local cloud supports."""

from typing import Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Json, app
from millrace.operations import UsageError


@app.command()
def resources(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="A type, or a part of its name.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """List the resource types that the local cloud supports."""
    from millrace.local.cloudformation.registry import stored_reason
    from millrace.local.resources_page import supported

    found = [each for each in supported() if name.lower() in each.type.lower()]
    if not found and (reason := stored_reason(name)):
        console.say(f"{name}", f"  stored with the stack, without any effect: {reason}")
        return
    if not found:
        raise UsageError(f"The local cloud supports no resource type {name!r}. List all with: millrace resources")
    if as_json:
        console.data([each.as_json() for each in found])
        return
    for each in found:
        console.say(each.type)
        if name:
            console.say(f"  served: {', '.join(each.served) or 'none'}")
            console.say(*(f"  stored with the stack: {key} ({reason})" for key, reason in each.stored.items()))
