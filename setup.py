"""The description of the package on PyPI: the README, with links to the repository instead of to files next to it."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent


def description() -> str:
    """Return the README with absolute links."""
    repository = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["urls"]["Homepage"]
    text = (HERE / "README.md").read_text()
    text = re.sub(r"(!\[[^\]]*\])\((?!https?:)([^)\s]+)\)", rf"\1({repository}/raw/main/\2)", text)
    return re.sub(r"\]\((?!https?:|#)([^)\s]+)\)", rf"]({repository}/blob/main/\1)", text)


if __name__ == "__main__":
    setup(long_description=description(), long_description_content_type="text/markdown")
