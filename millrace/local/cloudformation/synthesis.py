"""Synthesis of a project's cloud assembly, skipped if its inputs have not changed."""

import fcntl
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import millrace
from millrace.operations.tracebacks import project_error

INPUTS = ("app.py", "cdk.json", "requirements.txt", "pyproject.toml", "uv.lock", "functions", "infra")
_PACKAGES = ("events", "patterns", "runtime", "constructs", "flow")
_MOST_LINES = 4
"""The last lines of standard error that are shown of an app that fails without a traceback."""
_STAMP = "millrace-inputs.json"
_FUNCTION = "AWS::Lambda::Function"
_CONTEXT_KEYS = ("millrace:check", "millrace:python")
_VALIDATION_FAILED = "ValidationFailed: "
"""The start of CDK's error message if a validation of the assembly fails."""


class SynthesisError(RuntimeError):
    """The project's CDK app failed. `details` is its standard error."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class SynthesisValidationError(SynthesisError):
    """The project's CDK app wrote its assembly, and a validation of the assembly failed."""


def synthesise(project: Path, out: Path, context: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Run the app of `cdk.json` to write its assembly to `out`. Return False if the assembly was up to date.

    `context` overrides the context of `cdk.json`, like `cdk synth --context`.
    CDK's own validation of each assembly (4 to 8 s) is off; `make lint` runs cfn-lint instead.
    The templates stay while the app runs, and after it fails: commands read them at any time.
    """
    stamp = out / _STAMP
    with _locked(out):
        inputs = fingerprint(project) | {f"--context {name}": value for name, value in context.items()}
        if stamp.exists() and json.loads(stamp.read_text()) == inputs:
            return False
        stamp.unlink(missing_ok=True)
        before = {template: template.stat().st_mtime_ns for template in out.glob("*.template.json")}
        _run_app(project, out, context)
        for template, written in before.items():
            if template.stat().st_mtime_ns == written:
                template.unlink()  # of a stack that the app no longer has
        stamp.write_text(json.dumps(inputs))
        return True


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Allow one process at a time to synthesise."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "millrace.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fingerprint(project: Path) -> dict[str, str]:
    """Return the hash of each input of an assembly: the project's files and Millrace's own sources."""
    kit = Path(millrace.__file__).parent
    files = {
        **{str(file.relative_to(project)): file for file in _files(project, INPUTS)},
        **{f"millrace/{file.relative_to(kit)}": file for file in _files(kit, _PACKAGES)},
    }
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in sorted(files.items())}


def _files(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        yield from files_of(root / name)


def files_of(path: Path) -> Iterator[Path]:
    """Yield the files of a folder in sorted order, or the file itself; skip byte code."""
    if path.is_file():
        yield path
    yield from (f for f in sorted(path.rglob("*")) if f.is_file() and "__pycache__" not in f.parts)


def _run_app(project: Path, out: Path, context: Mapping[str, str]) -> None:
    configuration = _configuration(project)
    command, environment = shlex.split(configuration["app"]), app_environment(project, out, context)
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if _VALIDATION_FAILED in ran.stderr:
        raise SynthesisValidationError(
            f"{configuration['app']} wrote an assembly that fails its validation:\n{_report(out)}"
        )
    if ran.returncode:
        raise SynthesisError(
            project_error(ran.stderr, project.resolve()) or _last_lines(configuration["app"], ran), ran.stderr
        )


def _last_lines(app: str, ran: "subprocess.CompletedProcess[str]") -> str:
    lines = [line for line in ran.stderr.splitlines() if line.strip()][-_MOST_LINES:]
    return "\n".join([f"{app} in cdk.json failed with exit status {ran.returncode}:", *lines])


def _report(out: Path) -> str:
    """Return CDK's validation report from its file, because the printed one can be cut off.

    https://docs.aws.amazon.com/cdk/v2/guide/policy-validation-synthesis.html
    """
    reports = json.loads((out / "validation-report.json").read_bytes())["pluginReports"]
    return "\n\n".join(
        f"{violation['ruleName']}: {violation['description']}\n   fix: {violation.get('suggestedFix', '')}"
        for report in reports
        if report["conclusion"] == "failure"
        for violation in report["violations"]
    )


def app_environment(project: Path, out: Path, context: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a CDK app that writes its assembly to `out`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},  # CDK reads those
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # jsii looks up node
        "CDK_OUTDIR": str(out.resolve()),
        "CDK_CONTEXT_JSON": json.dumps({**_configuration(project).get("context", {}), **context}),
        "CDK_VALIDATION": "false",
        "PYTHON_COLORS": "0",  # the traceback is read
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def _configuration(project: Path) -> dict[str, Any]:
    file = project / "cdk.json"
    if not file.exists():
        raise SynthesisError(f"{project} has no cdk.json. Run millrace in the folder of your CDK app.")
    try:
        configuration: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise SynthesisError(f"{file.name} is no JSON: {error}. Correct it.") from error
    if "app" not in configuration:
        raise SynthesisError(f'{file.name} has no "app". Add "app": "python app.py".')
    _check_context(file, configuration.get("context", {}))
    return configuration


def python_mismatch(out: Path) -> str:
    """Return a warning if functions have another Python version than this process; else an empty text."""
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    templates = [json.loads(file.read_bytes()) for file in sorted(out.glob("*.template.json"))]
    resources = [each for template in templates for each in template.get("Resources", {}).values()]
    runtimes = {str(each.get("Properties", {}).get("Runtime")) for each in resources if each["Type"] == _FUNCTION}
    others = sorted(name for name in runtimes if name.startswith("python") and name != here)
    if not others:
        return ""
    return (
        f"Functions run on {here} here, and on {', '.join(others)} in Lambda. Run the local cloud and the tests "
        f'on that version, or set "millrace:python": "{here.removeprefix("python")}" in the context of cdk.json.'
    )


def _check_context(file: Path, context: Mapping[str, Any]) -> None:
    """Raise SynthesisError for a key with Millrace's prefix that Millrace does not have: CDK ignores it."""
    for key in context:
        if key.startswith("millrace:") and key not in _CONTEXT_KEYS:
            lines = file.read_text().splitlines()
            number = next((number for number, line in enumerate(lines, 1) if key in line), 0)
            keys = ", ".join(_CONTEXT_KEYS)
            raise SynthesisError(f"{file.name}:{number}: Millrace has no context key {key!r}. Its keys are: {keys}.")
