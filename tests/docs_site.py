"""Builds the documentation site: `make docs`, or `python tests/docs_site.py --tools FOLDER`.

The pages are those of docs/, the README, CONTRIBUTING and the CHANGELOG, and a reference that is generated from
docstrings and from the help of the commands. A warning of the generator is an error.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from millrace.cli.app import command

ROOT = Path(__file__).parents[1]
DOCS, BUILD = ROOT / "docs", ROOT / ".millrace" / "site"
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""The pages outside of docs/, and their names in the site."""
REFERENCE = {
    "events": ("millrace.events", "millrace.events.cloudevents"),
    "runtime": ("millrace.runtime",),
    "constructs": ("millrace.constructs",),
    "testing": (
        "millrace.testing.plugin",
        "millrace.testing.mocks",
        "millrace.testing.contracts",
        "millrace.testing.recorded",
    ),
    "local": ("millrace.local.cloud",),
}
"""The modules whose docstrings each page of the reference contains."""
LINK = re.compile(r"(\]\()(?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)")


def main() -> None:
    """Write the pages and the configuration, and run the generator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tools", type=Path, required=True, help="the environment of the generator, with mermaid.min.js"
    )
    tools = parser.parse_args().tools.resolve()
    shutil.rmtree(BUILD, ignore_errors=True)
    pages = BUILD / "pages"
    for name, text in sources():
        write(pages / name, text)
    for asset in (DOCS / "map.png", DOCS / "site.css", tools / "mermaid.min.js"):
        shutil.copy(asset, pages)
    write(BUILD / "zensical.toml", configuration(pages))
    for name in ("millrace", "tests/docs_arguments.py"):
        (BUILD / Path(name).name).symlink_to(ROOT / name)
    build(tools / "bin" / "zensical")


def sources() -> Iterator[tuple[str, str]]:
    """Return the name and text of each page."""
    for path in [*DOCS.rglob("*.md"), *(ROOT / name for name in PAGES)]:
        yield page_name(path), LINK.sub(lambda link, path=path: linked(path, link), path.read_text())
    for name, modules in REFERENCE.items():
        yield f"reference/{name}.md", reference(modules)
    yield "reference/commands.md", commands()


def page_name(path: Path) -> str:
    """Return the name of a file's page in the site."""
    return PAGES.get(path.name, "") if path.parent == ROOT else path.relative_to(DOCS).as_posix()


def linked(page: Path, link: re.Match[str]) -> str:
    """Return a link of a page for the site: to another page, or to the repository for any other file."""
    target, anchor = (page.parent / link[2]).resolve(), link[3] or ""
    if target.is_relative_to(DOCS) or target.name in PAGES:
        here, there = Path(page_name(page)).parent, page_name(target)
        return f"{link[1]}{Path(os.path.relpath(there, here)).as_posix()}{anchor})"
    repository = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Homepage"]
    return f"{link[1]}{repository}/blob/main/{target.relative_to(ROOT).as_posix()}{anchor})"


def reference(modules: tuple[str, ...]) -> str:
    """Return a page that mkdocstrings fills from docstrings."""
    sections = [
        f"## {module} {{ .module }}\n\n::: {module}\n    options:\n      heading_level: 3\n" for module in modules[1:]
    ]
    return "\n".join([f"# {modules[0]}\n\n::: {modules[0]}\n", *sections])


def commands() -> str:
    """Return the reference of the `millrace` command."""
    root = command()
    names = sorted(root.commands)
    return "\n\n".join(["# Commands", root.help, *(section(f"millrace {name}", root.commands[name]) for name in names)])


def section(path: str, found: Any) -> str:
    """Return the section of a command with its arguments and options, and of the commands below it."""
    inner = [section(f"{path} {name}", each) for name, each in sorted(getattr(found, "commands", {}).items())]
    return "\n\n".join([f"## {path}", cleaned(found.help or ""), *parameters(found), *inner])


def parameters(found: Any) -> Iterator[str]:
    """Return the table of a command's arguments and options."""
    context = typer.Context(found)
    rows = [record for each in found.get_params(context) if (record := each.get_help_record(context))]
    if len(rows) > 1:  # more than --help
        lines = [f"| `{name.replace('|', ' ')}` | {cleaned(text).replace('|', '&#124;')} |" for name, text in rows]
        yield "\n".join(["| argument or option | effect |", "|---|---|", *lines])


def cleaned(text: str) -> str:
    """Return the text of a help without line breaks in a paragraph, and with its brackets as text."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text).replace("[", "\\[")


def configuration(pages: Path) -> str:
    """Return the configuration of docs/site.toml, with a navigation of the pages that exist."""
    text = (DOCS / "site.toml").read_text()
    nav = tomllib.loads(text)["project"]["nav"]
    entries = [{title: section_of(item, pages) for title, item in entry.items()} for entry in nav]
    listed = {page for entry in entries for item in entry.values() for page in pages_of(item)}
    others = sorted(path.name for path in pages.glob("*.md") if path.name not in listed)
    how_to = next(entry["How-to"] for entry in entries if "How-to" in entry)
    how_to.extend({title_of(pages / name): name} for name in others)
    return re.sub(r"^nav = \[.*?^\]$", lambda _: f"nav = {toml(entries)}", text, flags=re.MULTILINE | re.DOTALL)


def section_of(item: Any, pages: Path) -> Any:
    """Return an entry of the navigation without the pages that do not exist; a folder lists its pages."""
    if isinstance(item, list):
        return [entry for entry in item if all((pages / page).exists() for page in entry.values())]
    if (pages / item).is_dir():
        found = sorted((pages / item).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
        return [{title_of(path): path.relative_to(pages).as_posix()} for path in found]
    return item


def pages_of(item: Any) -> Iterable[str]:
    """Return the pages of an entry of the navigation."""
    return [page for entry in item for page in entry.values()] if isinstance(item, list) else [item]


def title_of(page: Path) -> str:
    """Return the title of a page."""
    return page.read_text().partition("\n")[0].removeprefix("# ")


def toml(value: Any) -> str:
    """Return a value of lists, tables and strings as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + " }"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def build(program: Path) -> None:
    """Run the generator. Exits with its output after a warning."""
    done = subprocess.run(
        [program, "build", "--strict", "--clean"], cwd=BUILD, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    if done.returncode or re.search("warning", output, re.IGNORECASE):
        sys.exit(f"{output}\nThe documentation has warnings.")
    sys.stdout.write(f"» {BUILD.relative_to(ROOT)}/html/index.html\n")


def write(path: Path, text: str) -> None:
    """Write a file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
