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
