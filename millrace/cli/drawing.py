"""`map`: the flow of the project's events, as a page, a picture or a diagram."""

from collections.abc import Callable
from pathlib import Path

from millrace.cli import console
from millrace.cli.project import Project
from millrace.flow import Graph
from millrace.flow.map import chart_of, mermaid, page, svg

ENDINGS = {"html": ".html", "svg": ".svg", "mermaid": ".mmd"}
PRINTED = Path("-")


def draw(project: Project, form: str, out: Path | None) -> int:
    """Write the map, and say where to."""
    title = ", ".join(dict.fromkeys(resource.stack for resource in project.flow))
    forms: dict[str, Callable[[Graph], str]] = {
        "html": lambda graph: page(graph, title=title),
        "svg": lambda graph: svg(chart_of(graph)),
        "mermaid": lambda graph: mermaid(chart_of(graph)),
    }
    text = forms[form](project.graph)
    file = out or project.state / f"map{ENDINGS[form]}"
    if file == PRINTED:
        console.block(text.removesuffix("\n"))
    else:
        file.write_text(text)
        console.out(str(file.relative_to(project.root) if file.is_relative_to(project.root) else file))
    return 0
