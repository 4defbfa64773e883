"""A griffe extension for the documentation site: paragraphs of `name: Text.` in a docstring are its arguments."""

import re
from typing import Any

import griffe

_NAME = re.compile(r"^\w+(, \w+)*: ")


class Arguments(griffe.Extension):
    """Writes a list of arguments as one with markers, which Markdown renders as a list."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = listed(obj.docstring.value)


def listed(text: str) -> str:
    """Return a docstring whose paragraphs of `name: Text.` are lists."""
    return "\n\n".join(
        "\n".join(_as_item(line) for line in paragraph.split("\n")) if _NAME.match(paragraph) else paragraph
        for paragraph in text.split("\n\n")
    )


def _as_item(line: str) -> str:
    if _NAME.match(line):
        names, _, text = line.partition(": ")
        return "- " + ", ".join(f"`{name}`" for name in names.split(", ")) + f": {text}"
    return f"  {line}"
