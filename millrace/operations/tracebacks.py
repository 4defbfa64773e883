"""Tracebacks of a project, reduced to what its author needs: the error, a fix, and the lines of the project."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import millrace

_KIT = Path(millrace.__file__).parent
_FRAME = re.compile(r'^ +(?:\| +)?File "(?P<file>.+?)", line (?P<line>\d+)')
_CHAIN = re.compile(
    r"^(?:During handling of the above exception|The above exception was the direct cause).*$", re.MULTILINE
)
_ERROR = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
_MOST_FRAMES = 3
_MOST_CHARACTERS = 400
_WHOLE = "--verbose shows the whole traceback."

_FIXES = (
    (r"already a Construct with name '(.+?)'", "Give one of the two another id: the second argument of a construct."),
    (r"type of argument \w+ must be .*Duration.*; got", "Write a duration: Duration.seconds(5), from aws_cdk."),
    (r"type of (?:argument )?(\w+) must be|Unable to deserialize", "Pass a value of that type."),
    (r"No module named 'functions|No module named 'infra", "Correct the import, or add that module."),
    (r"No module named '([\w.]+)'", "Install it and add it to requirements.txt, or correct the import."),
    (r"circular import", "Move what both modules need to a third one."),
    (r"cannot import name", "Correct the name, or define it there."),
    (r"got an unexpected keyword argument '(\w+)'", "Remove or rename '{0}': help() of the class lists its arguments."),
    (r"missing \d+ required (?:keyword-only |positional )?argument", "Add that argument."),
    (r"takes .* positional arguments? but", "Pass the others by name, as name=value."),
    (r"^(?:Syntax|Indentation|Tab)Error", "Correct the syntax of this line or of the one above."),
    (r"^NameError", "Import or define the name."),
    (r"^AttributeError", "Correct the name of the attribute."),
    (r"^(?:Key|Index)Error", "Correct the key, or define it."),
    (
        r"NoRegionError|NoCredentialsError",
        "Create the client in the handler: a module below functions/ is imported at synth.",
    ),
    (r"^FileNotFoundError", "Correct the path, or create the file."),
    (r"", "Correct the first of these lines."),
)
"""Fixes by the pattern of an error that does not contain one."""


@dataclass(frozen=True)
class Frame:
    """A line of the project. `source` is its text."""

    file: str
    line: int
    source: str

    def __str__(self) -> str:
        return f"  {self.file}:{self.line}  {self.source}".rstrip()


def project_error(text: str, root: Path) -> str | None:
    """The error of a traceback, its fix, and the project's own lines, innermost first: six lines at most.

    None if the text is no traceback, or if it is neither the project's nor one of Millrace's own errors.
    """
    blocks = _CHAIN.split(text)
    found = [list(_frames(block, root)) for block in blocks]
    frames = next((each for each in reversed(found) if each), [])
    error = _error(blocks[-1])
    if error is None or not (frames or _is_of_the_kit(blocks[-1])):
        return None
    shown = frames[::-1][:_MOST_FRAMES]
    return "\n".join([*error, *map(str, shown), f"  {_WHOLE}"])


def frames_of(text: str, root: Path) -> list[Frame]:
    """The lines of the project in a traceback, innermost last."""
    return list(_frames(text, root))


def _frames(block: str, root: Path) -> Iterator[Frame]:
    lines = block.splitlines()
    for number, line in enumerate(lines):
        found = _FRAME.match(line)
        if found and (file := _in_project(found["file"], root)):
            source = lines[number + 1].strip() if number + 1 < len(lines) else ""
            yield Frame(file, int(found["line"]), source if not _FRAME.match(f"  {source}") else "")


def _in_project(name: str, root: Path) -> str | None:
    file = Path(name) if Path(name).is_absolute() else root / name
    if file.is_relative_to(_KIT) or not file.is_relative_to(root):
        return None
    inner = file.relative_to(root)
    outside = "site-packages" in inner.parts or inner.parts[0].startswith((".", "<"))
    return None if outside else inner.as_posix()


def _error(block: str) -> list[str] | None:
    """The line of the error and, unless Millrace raised it with a fix, a line with the fix."""
    lines = block.rstrip().splitlines()
    before = zip(["", *lines], lines, strict=False)
    starts = [number for number, (above, line) in enumerate(before) if above[:1] == " " and _ERROR.match(line)]
    if not starts:
        return None
    kind, _, text = lines[starts[-1]].partition(": ")
    text = " ".join([text, *(line.strip() for line in lines[starts[-1] + 1 : starts[-1] + 3])]).strip()
    if kind.startswith("millrace.") or _raised_by_the_kit(block):
        return [_short(text)]
    return _with_fix(kind.rpartition(".")[2], re.sub(r"^Error: ", "", re.split("@jsii/kernel|├──", text)[0]).strip())


def _is_of_the_kit(block: str) -> bool:
    """Whether the error is one of Millrace's own classes, whose messages stand alone."""
    return any(re.match(r"millrace\.[\w.]+Error: ", line) for line in block.splitlines())


def _raised_by_the_kit(block: str) -> bool:
    """Whether Millrace raised the error: its messages contain a fix."""
    lines = block.splitlines()
    frames = [(found["file"], number) for number, line in enumerate(lines) if (found := _FRAME.match(line))]
    file, number = frames[-1] if frames else ("", 0)
    return Path(file).is_relative_to(_KIT) and lines[number + 1].strip().startswith("raise ")


def _with_fix(kind: str, text: str) -> list[str]:
    text = re.sub(r" \(\S+\.py\)$", "", text)
    whole = f"{kind}: {text}"
    pattern, fix = next(each for each in _FIXES if re.search(each[0], whole))
    found = re.search(pattern, whole)
    shown = text if kind == "RuntimeError" else whole
    return [_short(shown), f"  fix: {fix.format(*found.groups() if found else ())}"]


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
