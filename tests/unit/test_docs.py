"""The documentation refers to files and headings that exist."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = re.compile(r"\b(?:millrace|tests|examples|benchmarks)/[\w/]*\.py\b")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def missing(page, pattern, folder):
    text = CODE.sub("", page.read_text())
    return sorted({path for path in pattern.findall(text) if not (folder / path).exists()})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_source_files_and_links_of_a_page_exist(page):
    assert missing(page, SOURCE, ROOT) == []
    assert missing(page, LINK, page.parent) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_anchors_of_links_are_headings(page):
    links = {(path, anchor) for path, anchor in ANCHOR.findall(page.read_text()) if not path or path.endswith(".md")}
    assert sorted(link for link in links if link[1] not in anchors((page.parent / link[0]) if link[0] else page)) == []


@cache
def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.findall(CODE.sub("", page.read_text()))
    texts = (re.sub(r"\]\([^)]*\)", "", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-") for text in texts}


def test_index_lists_every_decision_by_its_title():
    folder = ROOT / "docs" / "decisions"
    titles = {page.name: page.read_text().partition("\n")[0][7:] for page in folder.glob("0*.md")}
    index = re.findall(r"^\| \[\d{4}\]\((.+)\) \| (.+) \| .+ \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert dict(index) == titles
