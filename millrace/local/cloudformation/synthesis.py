"""From the project's sources to a cloud assembly, made anew only where its inputs have changed."""

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

INPUTS = ("app.py", "cdk.json", "requirements.txt", "functions", "infra")
_ROOMS = ("events", "patterns", "runtime", "constructs", "flow")
_STAMP = "millrace-inputs.json"
_REFUSED = "ValidationFailed: "
"""As CDK begins the error by which it ends an app whose assembly has findings."""


class SynthesisFailed(RuntimeError):
    """The project's CDK app ended with an error; the text is what it printed."""


class SynthesisRefused(SynthesisFailed):
    """The project's CDK app wrote its assembly, and a validation of it found something."""


def synthesise(project: Path, out: Path, context: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Run the app that `cdk.json` names, so that `out` holds its assembly. False if that was up to date already.

    `context` goes before what `cdk.json` says, as `cdk synth --context` does.
    The validation that CDK itself adds to each synth (4 to 8 s) is left out; `make lint` holds cfn-lint against it.
    """
    stamp = out / _STAMP
    with _alone(out):
        inputs = fingerprint(project) | {f"--context {name}": value for name, value in context.items()}
        if stamp.exists() and json.loads(stamp.read_text()) == inputs:
            return False
        stamp.unlink(missing_ok=True)
        _run_app(project, out, context)
        stamp.write_text(json.dumps(inputs))
        return True


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Let one process at a time make an assembly; the others wait, and find it made."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "millrace.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fingerprint(project: Path) -> dict[str, str]:
    """What an assembly is made from: the project's inputs and the kit's own sources, with the hash of each."""
    kit = Path(millrace.__file__).parent
    files = {
        **{str(file.relative_to(project)): file for file in _files(project, INPUTS)},
        **{f"millrace/{file.relative_to(kit)}": file for file in _files(kit, _ROOMS)},
    }
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in sorted(files.items())}


def _files(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        yield from files_of(root / name)


def files_of(place: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself, in a fixed order; no byte code."""
    if place.is_file():
        yield place
    yield from (f for f in sorted(place.rglob("*")) if f.is_file() and "__pycache__" not in f.parts)


def _run_app(project: Path, out: Path, context: Mapping[str, str]) -> None:
    configuration = _configuration(project)
    command, environment = shlex.split(configuration["app"]), app_environment(project, out, context)
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if _REFUSED in ran.stderr:
        raise SynthesisRefused(f"{configuration['app']} is refused:\n{_report(out)}")
    if ran.returncode:
        raise SynthesisFailed(f"{configuration['app']} ended with {ran.returncode}:\n{ran.stderr.strip()}")


def _report(out: Path) -> str:
    """What CDK's validations found, from the file that it leaves: what it prints may come too late to be read.

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
    """What an app of CDK finds in its environment when it is run to write its assembly into `out`."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},  # CDK looks for those
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",  # jsii looks for node there
        "CDK_OUTDIR": str(out.resolve()),
        "CDK_CONTEXT_JSON": json.dumps({**_configuration(project).get("context", {}), **context}),
        "CDK_VALIDATION": "false",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def _configuration(project: Path) -> dict[str, Any]:
    file = project / "cdk.json"
    if not file.exists():
        raise SynthesisFailed(f"There is no cdk.json in {project}: run millrace where your CDK app lives.")
    configuration: dict[str, Any] = json.loads(file.read_text())
    if "app" not in configuration:
        raise SynthesisFailed(f'{file} names no app: add "app": "python app.py".')
    return configuration
