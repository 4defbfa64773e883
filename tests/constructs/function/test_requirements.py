"""Requirements and the Python version of the functions."""

import re
import sys
from types import SimpleNamespace

import pytest
from packaging.version import Version

from millrace.constructs.function import requirements
from millrace.constructs.function.requirements import (
    RequirementsError,
    installed,
    own_requirements,
    python_version,
    shared_requirements,
)

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project in the current folder."""
    (tmp_path / "functions" / "ring").mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shared_layer_needs_what_the_runtime_needs_and_what_functions_requires(project):
    (project / "functions" / "requirements.txt").write_text("# shared\nhttpx>=0.27  # the partner's API\n")
    names = [line.partition(">")[0] for line in shared_requirements()]
    assert names == ["aws-lambda-powertools", "httpx", "pydantic"]


def test_dependencies_of_pyproject_replace_a_missing_requirements_file(project):
    (project / "pyproject.toml").write_text('[project]\ndependencies = ["millrace[all]", "httpx"]\n')
    assert "httpx" in shared_requirements()
    assert not any(line.startswith("millrace") for line in shared_requirements())


def test_a_function_has_its_own_requirements(project):
    (project / "functions" / "ring" / "requirements.txt").write_text("six\n")
    assert own_requirements("ring") == ["six"]
    assert own_requirements("other") == []


def test_invalid_requirement_is_reported_with_its_line(project):
    (project / "functions" / "ring" / "requirements.txt").write_text("six\n-r other.txt\n")
    with pytest.raises(RequirementsError, match=r"functions/ring/requirements.txt:2: '-r other.txt'"):
        own_requirements("ring")


def test_versions_are_those_that_are_installed_here():
    pins = dict(line.split("==") for line in installed(["pydantic>=2"]))
    assert {"pydantic", "pydantic-core", "annotated-types"} <= pins.keys()
    assert Version(pins["pydantic"]).major == 2


def test_version_that_does_not_fit_a_requirement_is_no_pin():
    assert installed(["pydantic==1.10"]) == []


def test_python_version_is_the_one_that_runs_here_unless_the_context_sets_it():
    from aws_cdk import App

    assert python_version(App()) == RUNNING
    assert python_version(App(context={requirements.PYTHON: "3.13"})) == "3.13"
    with pytest.raises(RequirementsError, match=r'Lambda has no Python 2.7.*"millrace:python": "3.14"'):
        python_version(App(context={requirements.PYTHON: "2.7"}))


def test_function_with_requirements_has_a_layer_of_its_own(stack, bus, synthesised, copied, monkeypatch):
    from millrace.constructs import Processor
    from millrace.constructs.function import layer

    def install(requirements, _pins, _target, folder):
        for line in requirements:
            (folder / "python" / line.partition(">")[0]).mkdir(parents=True, exist_ok=True)

    file = copied / "functions" / "issue_gift" / "requirements.txt"
    file.write_text("six\n")
    monkeypatch.setattr(layer, "_install", install)
    Processor(stack, "Gift", bus=bus, function="issue_gift")
    file.unlink()
    template = synthesised()
    (function,) = template.of("Lambda::Function").values()
    (reference,) = function["Layers"]
    provided = template.resources[reference["Ref"]]["Metadata"]["millrace"]["provides"]
    assert {"six", "pydantic", "millrace"} <= set(provided)


@pytest.mark.parametrize(
    ("python", "uv", "newest"), [("3.11", "aarch64-manylinux2014", 26), ("3.13", "aarch64-manylinux_2_34", 34)]
)
def test_layer_has_only_wheels_that_the_glibc_of_lambda_can_load(monkeypatch, tmp_path, python, uv, newest):
    """Amazon Linux 2 until Python 3.11, then Amazon Linux 2023.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
    """
    from millrace.constructs.function import layer

    commands = []
    failed = SimpleNamespace(returncode=1, stderr="no wheel")
    monkeypatch.setattr(layer.subprocess, "run", lambda command, **_: commands.append(command) or failed)
    with pytest.raises(layer.LayerBuildError, match=r"Python 3\.12 and newer accept more wheels"):
        layer._install(["a"], [], layer.Target("arm64", python), tmp_path)
    by_uv, by_pip = commands
    assert by_uv[by_uv.index("--python-platform") + 1] == uv
    assert max(int(found[1]) for each in by_pip if (found := re.match(r"manylinux_2_(\d+)_aarch64$", each))) == newest
