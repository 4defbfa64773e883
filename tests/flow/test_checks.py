"""Each check finds its broken app, and nothing in the fixed one."""

import pytest
from twins import NAMES, Twins

from millrace.flow.checking import ALL_CHECKS, names


@pytest.fixture
def twins(synth_in_process, tmp_path, monkeypatch):
    return Twins(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", NAMES)
def test_broken_app_has_only_its_finding(twins, name):
    assert set(twins.found(name, "bad")) == {name}


@pytest.mark.parametrize("name", NAMES)
def test_fixed_app_has_no_finding(twins, name):
    assert twins.found(name, "fixed") == []


def test_every_check_has_a_broken_app_and_a_description():
    assert sorted(names()) == NAMES
    assert all(known.title and len(known.about.splitlines()) > 2 for known in ALL_CHECKS)


def test_page_of_checks_is_up_to_date():
    from checks_page import PAGE, page

    assert PAGE.read_text() == page(), "run python tests/checks_page.py"


def test_allowed_cycle_is_no_finding(twins):
    assert twins.found("cycle", "allowed") == []


def test_consumer_beyond_the_hop_limit_is_a_finding(twins):
    assert twins.found("hop-limit", "far") == ["hop-limit"]
