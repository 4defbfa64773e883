"""Mutation testing with mutmut: change the code in small ways, and see whether a test fails.

`tests/mutants.toml` lists the packages, their tests, and the surviving mutants that are accepted, with reasons.
mutmut runs in a copy of the project below `build/mutants`. It mutates the bodies of functions and methods. It leaves
out functions with decorators (except `staticmethod` and `classmethod`) and code outside functions.
https://mutmut.readthedocs.io/en/latest/
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.format_utils import make_mutant_key

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "tests" / "mutants.toml"
BUILD = ROOT / "build" / "mutants"
SURVIVED, NO_TESTS = 0, 33
"""mutmut's exit codes of mutants that no test noticed. A mutant that was not run has None."""
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass
class Package:
    """A group of modules, the tests that cover it, and what came of its mutants."""

    name: str
    paths: list[str]
    tests: list[str]
    mutants: list[tuple[str, bool]] = field(default_factory=list)
    """The description of each mutant, and whether a test noticed it."""

    def files(self, tracked: list[str], below: list[str]) -> list[str]:
        """The modules to mutate; with `below`, only those with one of these beginnings."""
        found = [path for path in tracked if any(fnmatch(path, pattern) for pattern in self.paths)]
        return [path for path in found if path.endswith(".py") and (not below or path.startswith(tuple(below)))]


def git(*arguments: str) -> str:
    """What a git command prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def changed_lines(since: str) -> dict[str, set[int]]:
    """The lines of each file that differ from a commit, the changes that are not committed included."""
    changed: dict[str, set[int]] = defaultdict(set)
    path = ""
    for line in git("diff", "--unified=0", since, "--", "*.py").splitlines():
        if line.startswith("+++ b/"):
            path = line.removeprefix("+++ b/")
        elif found := HUNK.match(line):
            start, count = int(found[1]), int(found[2] or 1)
            changed[path].update(range(start, start + count))
    return changed


def changed_functions(path: str, lines: set[int]) -> dict[str, set[str]]:
    """The changed lines of each function that mutmut can mutate, as text, by mutmut's name of the function."""
    text = (ROOT / path).read_text()
    source, body = text.splitlines(), ast.parse(text).body
    methods = [(each, one.name) for one in body if isinstance(one, ast.ClassDef) for each in one.body]
    module = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
    changed = {}
    for node, owner in [*((one, None) for one in body), *methods]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            here = lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            if here:
                name = make_mutant_key(node.name, owner)
                changed[f"{module}.{name}"] = {source[line - 1].strip() for line in here}
    return changed


def prepare(package: Package, files: list[str], tracked: list[str], unmutated: list[str]) -> Path:
    """Copy the project, and write mutmut's configuration into the copy."""
    copy = BUILD / package.name
    for path in tracked:
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target)
    settings = {
        "source_paths": ["millrace"],
        "only_mutate": files,
        "do_not_mutate_patterns": unmutated,
        "also_copy": sorted({path.split("/")[0] for path in tracked} - {"millrace", "tests", "pyproject.toml"}),
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": package.tests,
        # A worker that has run no test before: hypothesis refuses a test that two instances of its class run.
        "process_isolation": "forkserver",
        "use_git_change_detection": False,
    }
    with (copy / "pyproject.toml").open("a") as configuration:
        configuration.write("\n[tool.mutmut]\n")
        configuration.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return copy


def mutate(copy: Path, names: list[str]) -> None:
    """Run mutmut with one process. In CI, hypothesis tries the same examples each time."""
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", *names]
    subprocess.run(command, cwd=copy, check=True, env={**os.environ, "CI": "true"})


def results(copy: Path, files: list[str]) -> Iterator[tuple[str, str, int]]:
    """The path, the name and the exit code of each mutant that was run."""
    os.chdir(copy)
    for path in files:
        data = SourceFileMutationData(path=path)
        data.load()
        yield from ((path, name, code) for name, code in data.exit_code_by_key.items() if code is not None)


def described(name: str, diff: str) -> str:
    """A mutant by its function and its changed lines: this stays the same when other lines of the function change."""
    function = name.rpartition("__mutmut_")[0].replace(".xǁ", ".").replace(".x_", ".").replace("ǁ", ".")
    lines = [line[1:].strip() for line in diff.splitlines() if re.match(r"\+(?!\+\+)", line)]
    return f"{function}: {' / '.join(lines) or 'removed ' + ' / '.join(removed(diff))}"


def removed(diff: str) -> set[str]:
    """The lines of the original that a mutant changes."""
    return {line[1:].strip() for line in diff.splitlines() if re.match(r"-(?!--)", line)}


def collect(package: Package, copy: Path, files: list[str], changed: dict[str, set[str]] | None) -> None:
    """Note each mutant of the package; with `changed`, only those on changed lines."""
    for path, name, code in results(copy, files):
        lines = None if changed is None else changed.get(name.rpartition("__mutmut_")[0], set())
        if lines == set():
            continue
        diff = get_diff_for_mutant(name, path=path)
        if lines is None or lines & removed(diff):
            package.mutants.append((described(name, diff), code not in {SURVIVED, NO_TESTS}))


def report(package: Package, accepted: dict[str, dict[str, str]], *, whole: bool) -> float:
    """Print the score and the survivors of a package, and return the score in per cent."""
    survivors = [name for name, noticed in package.mutants if not noticed]
    equivalent = [name for name in survivors if accepted.get(name, {}).get("kind") == "equivalent"]
    viable = len(package.mutants) - len(equivalent)
    killed = len(package.mutants) - len(survivors)
    score = 100 * killed / viable if viable else 100.0
    print(f"\n{package.name}: {killed} of {viable} viable mutants killed, {score:.1f} %; {len(equivalent)} equivalent")
    for name in survivors:
        print(f"  {'accepted' if name in accepted else 'SURVIVED'}  {name}")
    for name, noticed in package.mutants if whole else ():
        if noticed and name in accepted and name not in survivors:
            print(f"  killed, so remove it from the accepted ones: {name}")
    return score


def run(package: Package, tracked: list[str], options: argparse.Namespace, unmutated: list[str]) -> None:
    """Mutate one package and note the results."""
    files = package.files(tracked, options.paths)
    lines = {} if options.whole else changed_lines(options.since)
    changed = {name: text for path in files for name, text in changed_functions(path, lines.get(path, set())).items()}
    if not files or not (options.whole or changed):
        return
    if not options.retry:
        shutil.rmtree(BUILD / package.name, ignore_errors=True)
    copy = prepare(package, files, tracked, unmutated)
    print(
        f"» {package.name}: mutating {len(files) if options.whole else len(changed)} "
        f"{'modules' if options.whole else 'changed functions'}"
    )
    again = [name for _, name, code in results(copy, files) if code in {SURVIVED, NO_TESTS}] if options.retry else []
    mutate(copy, again or [f"{name}__mutmut_*" for name in ([] if options.whole else changed)])
    collect(package, copy, files, None if options.whole else changed)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mutate the code and see whether a test fails.")
    parser.add_argument("--since", default="HEAD~1", help="mutate the lines changed since this commit")
    parser.add_argument("--all", action="store_true", help="mutate every line of every package")
    parser.add_argument("--paths", nargs="*", default=[], help="mutate every line of the modules below these paths")
    parser.add_argument("--retry", action="store_true", help="run only the survivors of the last run again")
    options = parser.parse_args(arguments)
    options.whole = options.all or bool(options.paths)
    return options


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    configuration = tomllib.loads(CONFIGURATION.read_text())
    accepted = {name: group for group in configuration.get("accepted", []) for name in group["mutants"]}
    tracked = [path for path in git("ls-files", "-co", "--exclude-standard").splitlines() if (ROOT / path).is_file()]
    packages = [Package(name, **given) for name, given in configuration["packages"].items()]
    for package in packages:
        run(package, tracked, options, configuration["unmutated"])
    scores = [report(each, accepted, whole=options.whole) for each in packages if each.mutants]
    if not scores:
        print(f"no mutants: no function of the packages has changed since {options.since}")
    return int(min(scores, default=100.0) < configuration["threshold"])


if __name__ == "__main__":
    sys.exit(main())
