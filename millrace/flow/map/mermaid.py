"""The map as a Mermaid flow chart, which Markdown pages can contain.

https://mermaid.js.org/syntax/flowchart.html
"""

import re
from collections.abc import Iterator

from millrace.flow.map.chart import Arrow, Box, Chart

_SHAPES = {"event": ('(["', '"])'), "refusal": ('(["', '"])'), "store": ('[("', '")]')}
_LINES = {"back": "-.->"}
_ACTED_ON = re.compile('[#"<>&`]')


def mermaid(chart: Chart) -> str:
    """The text of the diagram."""
    names = {box.id: f"n{number}" for number, box in enumerate(chart.boxes)}
    return "\n".join(["flowchart TB", *_lines(chart, names)]) + "\n"


def _lines(chart: Chart, names: dict[str, str]) -> Iterator[str]:
    for number, group in enumerate(chart.groups):
        yield f'  subgraph g{number}["{_text(group.name)}"]'
        yield from (f"    {_node(box, names)}" for box in chart.boxes if box.group == group.id)
        yield "  end"
    yield from (f"  {_node(box, names)}" for box in chart.boxes if box.group is None)
    yield from (f"  {_arrow(arrow, names)}" for arrow in chart.arrows)
    refusals = ",".join(names[box.id] for box in chart.boxes if box.kind == "refusal")
    if refusals:
        yield f"  class {refusals} refusal"
        yield "  classDef refusal stroke:#b4382f,stroke-dasharray:4 3"


def _node(box: Box, names: dict[str, str]) -> str:
    opening, closing = _SHAPES.get(box.kind, ('["', '"]'))
    return f"{names[box.id]}{opening}{_text(box.title)}{closing}"


def _arrow(arrow: Arrow, names: dict[str, str]) -> str:
    line = _LINES.get(arrow.kind, "-->")
    label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
    return f"{names[arrow.source]} {line}{label} {names[arrow.target]}"


def _text(text: str) -> str:
    """A label on one line. Special characters of Mermaid and HTML become numeric entities."""
    return _ACTED_ON.sub(lambda found: f"#{ord(found[0])};", " ".join(text.split()))
