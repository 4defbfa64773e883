"""Does what docs/getting-started.md describes, block by block: `python tests/e2e/tutorial.py`.

Commands run in the order of the page, and files are written as it shows them. The names in a block of output must be in
the output of the command before it. The wheel is installed instead of the package of the index; AWS is left out.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from first_hour import ROOT, adopt, environment_of, install, report

PAGE = ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"(?<![\w-])[A-Za-z_]{3,}(?![\w-])|[✓✗]")
OTHER_SECTIONS = ("Install", "Deploy", "Add more")
"""The sections that need the package index or AWS, and the table of commands, which first_hour.py runs."""
READY, REDEPLOYED = "The local cloud is up at", "deployed after"


class Reader:
    """A reader of the page, in a folder, with a terminal in which the local cloud stays up."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment_of(environment)
        self.output, self.correlation_id = "", ""
        self.up: subprocess.Popen[str] | None = None

    def follow(self, before: str, language: str, block: str) -> None:
        """Do what a block shows; `before` is the paragraph before it."""
        if language == "console":
            for line in block.splitlines():
                self.run(line.removeprefix("$ "))
        elif language == "text":
            self.compare(block)
        elif paths := re.findall(r"`([\w/]+\.\w+)`", before):
            self.save(self.folder / paths[-1], block, append=before.startswith("Append"))

    def run(self, line: str) -> None:
        """Run a command line."""
        report(f"» {line}")
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            if words[0] == "cd":
                self.folder /= words[1]
                adopt(self.folder, {"VIRTUAL_ENV": self.environment["VIRTUAL_ENV"]})
            elif words == ["make", "up"]:
                pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
                self.up = subprocess.Popen(words, cwd=self.folder, env=self.environment, text=True, **pipes)
                self.wait_for(READY)
            else:
                self.call([self.correlation_id if word.endswith("…") else word for word in words])

    def call(self, words: list[str]) -> None:
        """Run a program to its end. Exits if it fails; `dlq list` fails if it finds something."""
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        self.output = done.stdout
        if done.returncode and words[1:3] != ["dlq", "list"]:
            sys.exit(f"{done.stdout}\n{done.stderr}\n{shlex.join(words)} failed in {self.folder}")
        if found := re.search(r"millrace trace (\S+)", done.stdout):
            self.correlation_id = found[1]

    def compare(self, shown: str) -> None:
        """Exit if the output of the last command lacks a name or a mark of the output that the page shows."""
        if missing := set(WORD.findall(shown)) - set(WORD.findall(self.output)):
            sys.exit(f"{PAGE.name} shows {sorted(missing)}, which is not in:\n{self.output}")

    def save(self, path: Path, block: str, *, append: bool) -> None:
        """Write a file; if the local cloud is up, wait until it has deployed the change."""
        report(f"» save {path.name}")
        path.write_text(f"{path.read_text()}\n\n{block}" if append else block)
        if self.up:
            self.wait_for(REDEPLOYED)

    def wait_for(self, text: str) -> None:
        """Read the output of the local cloud up to a line with this text."""
        lines: list[str] = []
        while not any(text in line for line in lines[-1:]):
            if not (line := self.up.stdout.readline()):
                self.up.wait()
                sys.exit(f"make up ended without the line {text!r}:\n{''.join(lines)}")
            lines.append(line)

    def stop(self) -> None:
        """End the local cloud."""
        if self.up and self.up.poll() is None:
            self.call(["millrace", "down"])
            self.up.communicate()
        self.up = None


def main() -> None:
    """Follow the page in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="tutorial-") as name:
        reader = Reader(Path(name), install(Path(name)))
        try:
            for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
                if not section.startswith(OTHER_SECTIONS):
                    for found in BLOCK.finditer(section):
                        reader.follow(section[: found.start()].rstrip().rpartition("\n\n")[2], *found.groups())
        finally:
            reader.stop()
    report(f"» {PAGE.relative_to(ROOT)} works block by block")


if __name__ == "__main__":
    main()
