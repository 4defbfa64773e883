"""What importing does not do: touch AWS, read the environment, load the other rooms."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for file in (ROOT / "functions").rglob("*.py")
)
LOADED = "print(*sorted({name.split('.')[0] for name in sys.modules}))"


def run(code):
    """The packages that are loaded once `code` has run, in a process with an empty environment."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{LOADED}"],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_the_runtime_loads_neither_cdk_nor_moto_nor_boto3_nor_powertools():
    heavy = {"aws_cdk", "jsii", "moto", "boto3", "botocore", "aws_lambda_powertools"}
    assert not heavy & run("import millrace.runtime, millrace.runtime.starter")


def test_every_function_imports_with_an_empty_environment_and_without_aws():
    loaded = run("\n".join(f"import {module}" for module in MODULES))
    assert not {"boto3", "botocore", "aws_cdk", "moto"} & loaded
    assert len(MODULES) > 20
