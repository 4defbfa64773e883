"""`openapi`: what the project's APIs offer."""

import json
from pathlib import Path

from millrace.cli import console
from millrace.cli.project import Project, WrongUse
from millrace.runtime.api.commands import DOCUMENT


def openapi(project: Project, name: str | None, out: Path | None) -> int:
    """Print the OpenAPI document of an API, or write it to a file."""
    text = _chosen(project, name).read_text()
    if out:
        out.write_text(text)
    else:
        console.data(json.loads(text), indent=2)
    return 0


def _chosen(project: Project, name: str | None) -> Path:
    """The document of the API that is named by the end of its construct's path, or of the only one."""
    every = _documents(project)
    found = {path: file for path, file in every.items() if name is None or f"/{path}".endswith(f"/{name}")}
    if len(found) != 1:
        known = ", ".join(every) or "none"
        raise WrongUse(f"The stacks have these APIs: {known}. Name one of them with --api.")
    return next(iter(found.values()))


def _documents(project: Project) -> dict[str, Path]:
    """The documents, by the paths of the constructs; each lies in the code of the function that publishes it."""
    return {
        str(resource.facts["construct"]).rpartition("/")[0]: project.assembly
        / f"asset.{str(resource.properties['Code']['S3Key']).removesuffix('.zip')}"
        / DOCUMENT
        for resource in project.flow.of("Lambda::Function")
        if resource.facts.get("kind") == "commands"
    }
