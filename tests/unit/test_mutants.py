"""`make mutants`: which functions have changed, how mutants are named, and the score."""

from types import SimpleNamespace

import mutants
import pytest

SOURCE = """\
LIMIT = 1


def first(a):
    if a > 1:
        return a
    return 2


class Box:
    @property
    def size(self):
        return 3

    def open(self, b):
        return b + 4
"""
DIFF = """\
--- millrace/box.py
+++ millrace/box.py
@@ -1,3 +1,3 @@
 def first(a):
-    if a > 1:
+    if a >= 1:
         return a
"""


@pytest.fixture
def box(tmp_path, monkeypatch):
    (tmp_path / "box.py").write_text(SOURCE)
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    return "box.py"


def test_a_changed_line_belongs_to_its_function(box):
    assert mutants.changed_functions(box, {1, 5, 16}) == {
        "box.x_first": {"if a > 1:"},
        "box.xǁBoxǁopen": {"return b + 4"},
    }
    assert mutants.changed_functions(box, {1, 2, 3, 10}) == {}


def test_the_lines_of_a_diff_are_those_of_the_new_file(monkeypatch):
    hunks = "+++ b/a.py\n@@ -1 +2 @@\n+x\n@@ -5,2 +7,0 @@\n@@ -9,0 +8,3 @@\n+++ b/b.py\n@@ -1,0 +1 @@\n"
    monkeypatch.setattr(mutants, "git", lambda *_: hunks)
    assert mutants.changed_lines("HEAD~1") == {"a.py": {2, 8, 9, 10}, "b.py": {1}}


def test_a_mutant_is_described_by_its_function_and_its_line():
    assert mutants.described("millrace.box.x_first__mutmut_3", DIFF) == "millrace.box.first: if a >= 1:"
    assert mutants.described("millrace.box.xǁBoxǁopen__mutmut_1", DIFF) == "millrace.box.Box.open: if a >= 1:"
    assert mutants.removed(DIFF) == {"if a > 1:"}


def test_equivalent_mutants_do_not_count_and_new_survivors_stand_out(capsys):
    results = {"1": ("a", True), "2": ("b", False), "3": ("c", False), "4": ("d", False), "5": ("e", True)}
    accepted = {"b": "equivalent", "c": "accepted", "e": "accepted"}
    assert mutants.report("patterns", results, accepted) == 50.0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "patterns: 2 of 4 viable mutants killed, 50.0 % (1 are equivalent)",
        "  equivalent: b",
        "  accepted: c",
        "  NEW SURVIVOR: d",
        "  killed, so remove it from mutants.toml: e",
    ]


@pytest.fixture
def mutmut(tmp_path, monkeypatch):
    """Run mutants with a mutmut that prints a spinner and exits with this status."""

    def run(status):
        program = tmp_path / "mutmut"
        program.write_text(f"#!/bin/sh\necho spinner; exit {status}\n")
        program.chmod(0o700)
        monkeypatch.setattr(mutants.sys, "executable", str(tmp_path / "python"))
        mutants.mutate(SimpleNamespace(copy=tmp_path), ["box.x_first__mutmut_1"])

    return run


def test_the_spinner_is_not_printed_into_a_file(mutmut, capfd):
    mutmut(0)
    assert capfd.readouterr().out == ""


def test_a_run_that_fails_ends_with_the_output_of_mutmut(mutmut):
    with pytest.raises(SystemExit, match="spinner\n\nmutmut failed with status 3 in "):
        mutmut(3)


def test_every_path_of_the_packages_exists():
    configuration = mutants.tomllib.loads(mutants.CONFIGURATION.read_text())
    for package in configuration["packages"].values():
        paths = [*package["paths"], *(path for path in package["tests"] if not path.startswith("-"))]
        assert [path for path in paths if not list(mutants.ROOT.glob(path))] == []
