"""Type-checks the programs in the documentation: `python tests/docs_types.py`, part of `make docs`.

A Python block with an import at its start is a program. Other blocks are fragments, which tests/unit/test_docs_code.py
compiles. Each program keeps the line numbers of its page, so that an error names the line to correct.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / ".millrace" / "docs-types"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_PROJECT = ROOT / "docs" / "getting-started.md"
"""Its programs belong to a new project, in which tests/e2e/tutorial.py runs mypy."""
SETTINGS = (
    "allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs, allow-untyped-decorators, "
    "disable-error-code=import-not-found"
)
"""Modules that do not exist are those of the reader."""
NAMES = {"self": "Stack", "app": "App", "bus": "Bus"}
"""The names that a program in a stack or in app.py may use, with their types."""


def main() -> None:
    """Write the programs, and run mypy. Exits with its status."""
    shutil.rmtree(PROGRAMS, ignore_errors=True)
    PROGRAMS.mkdir(parents=True)
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [write(page, line, code) for page in pages if page != OTHER_PROJECT for line, code in programs(page)]
    command = [sys.executable, "-m", "mypy", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    sys.stdout.write(f"» mypy, {len(names)} programs of the documentation: {done.stdout}{done.stderr}")
    sys.exit(done.returncode)


def programs(page: Path) -> Iterator[tuple[int, str]]:
    """Return the programs of a page, each with the number of lines before it."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        if is_program(found[1]):
            yield text[: found.start(1)].count("\n"), found[1]


def is_program(code: str) -> bool:
    """Return whether the first statement after the docstring is an import."""
    body = ast.parse(code).body
    start = body[1:] if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else body
    return bool(start) and isinstance(start[0], ast.Import | ast.ImportFrom)


def write(page: Path, line: int, code: str) -> str:
    """Write a program on the lines that it has in its page, and return its name."""
    path = PROGRAMS / f"{page.stem.replace('-', '_')}_{line + 1}.py"
    known = "; ".join(f"{name}: {kind}" for name, kind in NAMES.items() if f"\n{name} = " not in code)
    imports = "from aws_cdk import App, Stack; from millrace.constructs import Bus"
    lines = [f"# mypy: {SETTINGS}", f"{imports}; {known}", *[""] * (line - 2), code]
    path.write_text("\n".join(lines))
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
