"""Mutation testing with mutmut: change the code in small ways, and see whether a test fails.

`tests/mutants.toml` lists the packages, their tests, and the surviving mutants that are accepted, with reasons.
mutmut runs in a copy of the project below `build/mutants`. It mutates the bodies of functions and methods. It leaves
out functions with decorators (except `staticmethod` and `classmethod`) and code outside functions. A mutant of a
function that runs only at import survives, because mutmut selects mutants later.
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
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from mutmut.configuration import reset_config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name, make_mutant_key

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / "tests" / "mutants.toml"
BUILD = ROOT / "build" / "mutants"
SURVIVED, NO_TESTS = 0, 33
"""mutmut's exit codes of mutants that no test noticed. A mutant that was not run has None."""
Results = dict[str, tuple[str, bool]]
"""By mutmut's name of a mutant: what it changes, and whether a test noticed."""
HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Package:
    """A group of modules, and the tests that cover it."""

    name: str
    paths: list[str]
    tests: list[str]

    @property
    def copy(self) -> Path:
        """The copy of the project in which mutmut runs."""
        return BUILD / self.name

    def files(self, tracked: list[str], below: list[str]) -> list[str]:
        """The modules to mutate; with `below`, only those with one of these beginnings."""
        found = [path for path in tracked if any(fnmatch(path, pattern) for pattern in self.paths)]
        return [path for path in found if path.endswith(".py") and (not below or path.startswith(tuple(below)))]

    def results(self) -> Results:
        """The results of the last run."""
        return Results(json.loads(self.copy.with_suffix(".json").read_text()))

    def keep(self, results: Results) -> None:
        """Write the results of a run."""
        self.copy.with_suffix(".json").write_text(json.dumps(results, indent=1, ensure_ascii=False))


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


def prepare(package: Package, files: list[str], tracked: list[str], unmutated: list[str]) -> None:
    """Copy the project, write mutmut's configuration into the copy, and make it the current directory for mutmut."""
    shutil.rmtree(package.copy, ignore_errors=True)
    for path in tracked:
        target = package.copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, target)
    settings = {
        "source_paths": ["millrace"],
        "only_mutate": files,
        "do_not_mutate_patterns": unmutated,
        "also_copy": sorted({path.split("/")[0] for path in tracked} - {"millrace", "tests", "pyproject.toml"}),
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": package.tests,
        # Each worker has run no test before: hypothesis refuses to run a method on a second instance of its class.
        "process_isolation": "forkserver",
        "use_git_change_detection": False,
    }
    with (package.copy / "pyproject.toml").open("a") as configuration:
        configuration.write("\n[tool.mutmut]\n")
        configuration.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    os.chdir(package.copy)
    reset_config()


def names_in(path: str) -> list[str]:
    """mutmut's names of all mutants of a module."""
    return [
        get_mutant_name(Path(path), each) for each in mutate_file_contents(path, Path(path).read_text()).mutant_names
    ]


def function_of(name: str) -> str:
    """mutmut's name of the function of a mutant."""
    return name.rpartition("__mutmut_")[0]


def mutate(package: Package, names: list[str]) -> None:
    """Run mutmut with one process. With CI, hypothesis tries the same examples each time.

    Its spinner is shown on a terminal only. Elsewhere, its output is shown if it fails.
    """
    command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", *names]
    output = None if sys.stdout.isatty() else subprocess.PIPE
    ran = subprocess.run(
        command, cwd=package.copy, check=False, env={**os.environ, "CI": "true"}, stdout=output, text=True
    )
    if ran.returncode:
        sys.exit(f"{ran.stdout or ''}\nmutmut failed with status {ran.returncode} in {package.copy}")


def collected(files: list[str]) -> Iterator[tuple[str, str, bool]]:
    """The name and the diff of each mutant that was run, and whether a test noticed it."""
    for path in files:
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            if code is not None:
                yield name, get_diff_for_mutant(name, path=path), code not in {SURVIVED, NO_TESTS}


def described(name: str, diff: str) -> str:
    """A mutant by its function and its changed lines: this stays the same when other lines of the function change."""
    function = function_of(name).replace(".xǁ", ".").replace(".x_", ".").replace("ǁ", ".")
    lines = [line[1:].strip() for line in diff.splitlines() if re.match(r"\+(?!\+\+)", line)]
    return f"{function}: {' / '.join(lines) or 'removed ' + ' / '.join(removed(diff))}"


def removed(diff: str) -> set[str]:
    """The lines of the original that a mutant changes."""
    return {line[1:].strip() for line in diff.splitlines() if re.match(r"-(?!--)", line)}


def report(name: str, results: Results, accepted: dict[str, str]) -> float:
    """Print the score and the survivors of a package, and return the score in per cent."""
    survivors = [description for description, noticed in results.values() if not noticed]
    equivalent = [each for each in survivors if accepted.get(each) == "equivalent"]
    viable, killed = len(results) - len(equivalent), len(results) - len(survivors)
    score = 100 * killed / viable if viable else 100.0
    show(f"\n{name}: {killed} of {viable} viable mutants killed, {score:.1f} % ({len(equivalent)} are equivalent)")
    for each in survivors:
        show(f"  {accepted.get(each, 'NEW SURVIVOR')}: {each}")
    for each in {description for description, noticed in results.values() if noticed} & accepted.keys():
        if each not in survivors:
            show(f"  killed, so remove it from {CONFIGURATION.name}: {each}")
    return score


def run_whole(package: Package, tracked: list[str], unmutated: list[str], options: argparse.Namespace) -> Results:
    """Mutate every line of the modules; with `--retry`, only the survivors of the last run, with the same names."""
    files = package.files(tracked, options.paths)
    if not files:
        return {}
    before = package.results() if options.retry else {}
    prepare(package, files, tracked, unmutated)
    names = [name for path in files for name in names_in(path)][:: options.every]
    if options.retry:
        names = [name for name, (_, noticed) in before.items() if not noticed]
    show(f"» {package.name}: {len(names)} mutants in {len(files)} modules")
    if names:
        mutate(package, names)
    results = before | {name: (described(name, diff), noticed) for name, diff, noticed in collected(files)}
    package.keep(results)
    return results


def run_changed(package: Package, tracked: list[str], unmutated: list[str], lines: dict[str, set[int]]) -> Results:
    """Mutate the functions that have changed, and return the mutants of the changed lines."""
    files = package.files(tracked, sorted(lines)) if lines else []
    changed = {name: text for path in files for name, text in changed_functions(path, lines[path]).items()}
    if not changed:
        return {}
    show(f"» {package.name}: {len(changed)} changed functions")
    prepare(package, files, tracked, unmutated)
    names = [name for path in files for name in names_in(path) if function_of(name) in changed]
    if names:
        mutate(package, names)
    return {
        name: (described(name, diff), noticed)
        for name, diff, noticed in collected(files)
        if changed.get(function_of(name), set()) & removed(diff)
    }


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mutate the code and see whether a test fails.")
    parser.add_argument("--since", default="HEAD~1", help="mutate the lines changed since this commit")
    parser.add_argument("--all", action="store_true", help="mutate every line of every package")
    parser.add_argument("--paths", nargs="*", default=[], help="mutate every line of the modules below these paths")
    parser.add_argument("--every", type=int, default=1, help="run only every so many mutants, as a sample")
    parser.add_argument("--retry", action="store_true", help="run only the survivors of the last run again")
    return parser.parse_args(arguments)


def show(text: str) -> None:
    """Print at once: mutmut prints into the same output."""
    print(text, flush=True)  # noqa: T201 - results are what it is run for


def main(arguments: list[str] | None = None) -> int:
    options = options_of(arguments)
    configuration = tomllib.loads(CONFIGURATION.read_text())
    accepted = {each: group["kind"] for group in configuration.get("accepted", []) for each in group["mutants"]}
    tracked = [path for path in git("ls-files", "-co", "--exclude-standard").splitlines() if (ROOT / path).is_file()]
    packages = [Package(name, **given) for name, given in configuration["packages"].items()]
    if options.all or options.paths:
        found = {each.name: run_whole(each, tracked, configuration["unmutated"], options) for each in packages}
    else:
        lines = changed_lines(options.since)
        found = {each.name: run_changed(each, tracked, configuration["unmutated"], lines) for each in packages}
    scores = [report(name, results, accepted) for name, results in found.items() if results]
    if not scores:
        show("No mutants: no function of the packages has changed.")
    return int(min(scores, default=100.0) < configuration["threshold"])


if __name__ == "__main__":
    sys.exit(main())
