"""Each check: a broken twin gives its id and nothing else, and nothing once it is mended."""

import os
import sys
from pathlib import Path

import pytest
from twins import NAMES, Twins

from millrace.flow.checking import ALL_CHECKS, names


@pytest.fixture
def twins(assembly, tmp_path, monkeypatch):
    # jsii starts node with what stands here when aws_cdk is first imported
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    monkeypatch.setenv("CDK_VALIDATION", "false")
    return Twins(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_twin_gives_its_check_and_nothing_else(twins, name):
    assert set(twins.found(name, "bad")) == {name}


@pytest.mark.parametrize("name", NAMES)
def test_a_mended_twin_gives_nothing(twins, name):
    assert twins.found(name, "mended") == []


def test_every_check_has_a_twin_and_says_what_it_is_about():
    assert sorted(names()) == NAMES
    assert all(known.title and len(known.about.splitlines()) > 2 for known in ALL_CHECKS)


def test_the_page_of_the_checks_is_the_one_that_they_make():
    from checks_page import PAGE, page

    assert PAGE.read_text() == page(), "run python tests/checks_page.py"


def test_a_circle_that_is_allowed_is_no_finding(twins):
    assert twins.found("cycle", "allowed") == []


def test_a_consumer_out_of_the_reach_of_its_event_is_a_finding(twins):
    assert twins.found("hop-limit", "far") == ["hop-limit"]
