"""Runs and reports the steps of the scripts that use the real CDK CLI."""

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
SETTINGS = {"CI": "1", "CDK_DISABLE_VERSION_CHECK": "1", "CDK_VALIDATION": "false"}


class StepError(AssertionError):
    """A failed check, or a command that ended with an unexpected exit status."""


def log(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def expect(condition, text):
    if not condition:
        raise StepError(text)
    log(f"  ok  {text}")


def run(command, folder, variables, *, fails=False):
    """Run a command to its end. `fails` is whether it must fail."""
    environment = {**os.environ, **SETTINGS, **variables, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if bool(ran.returncode) != fails:
        raise StepError(f"{' '.join(map(str, command))} exited with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran


def run_cdk(name, command, folder, variables, *, fails=False):
    """Run a command of the CDK CLI, report it by a name, and return its output and its seconds."""
    start = time.monotonic()
    ran = run([BIN / "node", *command], folder, variables, fails=fails)
    seconds = time.monotonic() - start
    log(f"  ok  {name}: {seconds:.1f} s")
    return ran.stdout + ran.stderr, seconds
