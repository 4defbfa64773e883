"""`millrace init` and `millrace new`: rendered files, and what they insert. `make first-hour` runs the projects."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.first_hour import PIECES

from millrace.scaffold.project import ScaffoldError, create_project, update_project
from millrace.scaffold.wiring import STACK, Wiring, insert

SCRIPT = """
import importlib, os, sys
from millrace.cli import main
assert main(["init", "shopfront"]) == 0
os.chdir("shopfront")
sys.path.insert(0, "")
for words in sys.argv[1:]:
    importlib.invalidate_caches()
    assert main(["new", *words.split()]) == 0
"""
ONE = Wiring(("Processor",), 'Processor(self, "Ring", bus=bus, function="ring")')


@pytest.fixture(scope="module")
def shopfront(tmp_path_factory):
    """A new project with each piece."""
    folder = tmp_path_factory.mktemp("scaffold")
    subprocess.run([sys.executable, "-c", SCRIPT, *PIECES], cwd=folder, check=True, capture_output=True)
    return folder / "shopfront"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_project_with_each_piece_passes_ruff(shopfront, command):
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run([ruff, *command, "."], cwd=shopfront, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_rendered_json_is_valid_and_every_event_is_recorded(shopfront):
    files = [shopfront / "cdk.json", shopfront / ".vscode/launch.json", *shopfront.glob("tests/events/*.json")]
    assert all(json.loads(file.read_text()) for file in files)
    assert len(files) == 2 + 10


def test_each_piece_is_in_the_stack_and_has_a_test(shopfront):
    stack = (shopfront / STACK).read_text()
    names = [words.split()[1] for words in PIECES[1:]]
    assert [name for name in names if not (shopfront / f"tests/test_{name}.py").is_file()] == []
    assert [name for name in names if name not in stack] == []


def test_no_file_of_a_project_names_a_path_of_the_machine(shopfront):
    cached = {".ruff_cache", "__pycache__"}
    files = [file for file in shopfront.rglob("*") if file.is_file() and not cached & {*file.parts}]
    texts = [file.read_text() for file in files]
    assert not any(os.fspath(shopfront.parent) in text or "site-packages" in text for text in texts)


def test_construct_is_inserted_above_the_marker(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / STACK).write_text("from millrace.constructs import Bus\n\nbus = 1\n    # millrace new: above\n")
    assert insert(tmp_path, ONE) == ""
    assert (tmp_path / STACK).read_text() == (
        f"from millrace.constructs import Bus, Processor\n\nbus = 1\n    {ONE.call}\n    # millrace new: above\n"
    )


def test_stack_without_a_marker_is_not_changed_and_the_lines_are_returned(tmp_path):
    (tmp_path / "infra").mkdir()
    (tmp_path / STACK).write_text("from millrace.constructs import Bus\n")
    left = insert(tmp_path, ONE)
    assert left.startswith("Add to infra/stack.py, where the bus is `bus`:")
    assert "    from millrace.constructs import Processor\n" in left
    assert (tmp_path / STACK).read_text() == "from millrace.constructs import Bus\n"


@pytest.mark.parametrize("name", ["Shop", "9lives", "a/../b c"])
def test_name_that_is_no_name_of_a_stack_is_an_error(tmp_path, name):
    with pytest.raises(ScaffoldError, match="is no name of a project"):
        create_project(tmp_path / name)


def test_project_is_not_created_over_files(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").touch()
    with pytest.raises(ScaffoldError, match="exists and is not empty"):
        create_project(tmp_path / "shop")


def test_update_renders_files_around_the_code_and_keeps_the_code(tmp_path):
    project = tmp_path / "shop"
    create_project(project)
    handler = project / "functions" / "confirm_order" / "handler.py"
    handler.write_text("mine\n")
    (project / "Makefile").write_text("old\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "1"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    update_project(project)
    assert handler.read_text() == "mine\n"
    assert "millrace run" in (project / "Makefile").read_text()


def test_update_of_a_project_with_uncommitted_changes_is_an_error(tmp_path):
    create_project(tmp_path / "shop")
    with pytest.raises(ScaffoldError, match="uncommitted changes or no git repository"):
        update_project(tmp_path / "shop")
