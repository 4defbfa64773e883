"""`millrace compat` reads the contracts of a git commit, not those of the working tree."""

import json
import subprocess

import pytest

from millrace.cli.committed import save_contracts_of
from millrace.operations import UsageError

CONTRACT = """
from millrace.events import Event

class Weighed(Event, source="test.scale"):
    {field}: int
"""


@pytest.fixture
def project(tmp_path):
    """A project in a folder of a git repository, whose contract has changed since the last commit."""
    root = tmp_path / "shop"
    contracts = root / "functions" / "contracts"
    contracts.mkdir(parents=True)
    for package in (root / "functions", contracts):
        (package / "__init__.py").touch()
    (contracts / "scale.py").write_text(CONTRACT.format(field="grams"))
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "Weigh"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (contracts / "scale.py").write_text(CONTRACT.format(field="ounces"))
    return root


def test_the_contracts_of_the_last_commit_are_read(project, tmp_path):
    save_contracts_of(project, "HEAD", tmp_path / "saved.json")
    (schema,) = json.loads((tmp_path / "saved.json").read_text())["schemas"].values()
    assert list(schema["components"]["schemas"]["Weighed"]["properties"]) == ["grams"]


@pytest.mark.parametrize("commit", ["HEAD~7", "--output=x"])
def test_a_commit_that_does_not_exist_is_wrong_usage(project, tmp_path, commit):
    with pytest.raises(UsageError, match="--against FILE"):
        save_contracts_of(project, commit, tmp_path / "saved.json")


def test_a_project_without_git_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match=r"The commit HEAD of .* has no functions"):
        save_contracts_of(tmp_path, "HEAD", tmp_path / "saved.json")
