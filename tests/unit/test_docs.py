"""The documentation refers to files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = re.compile(r"\bmillrace/[\w/]*\.py\b")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def missing(page, pattern, folder):
    return sorted({path for path in pattern.findall(page.read_text()) if not (folder / path).exists()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_source_files_and_links_of_a_page_exist(page):
    assert missing(page, SOURCE, ROOT) == []
    assert missing(page, LINK, page.parent) == []


def test_index_lists_every_decision_by_its_title():
    folder = ROOT / "docs" / "decisions"
    titles = {page.name: page.read_text().partition("\n")[0][7:] for page in folder.glob("0*.md")}
    index = re.findall(r"^\| \[\d{4}\]\((.+)\) \| (.+) \| .+ \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert dict(index) == titles
