"""What the package's metadata promises a user who installs it."""

import re
import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_description_on_pypi_has_no_relative_link():
    text = runpy.run_path(str(ROOT / "setup.py"))["description"]()
    assert re.findall(r"\]\((?!https?:|#)[^)]*\)", text) == []
    assert f"]({PROJECT['urls']['Homepage']}/blob/main/docs/contracts.md)" in text


def test_all_is_the_sum_of_the_other_extras_of_a_user():
    assert PROJECT["optional-dependencies"]["all"] == ["millrace[constructs,debug,local]"]
    assert PROJECT["optional-dependencies"].keys() == {"all", "constructs", "debug", "local", "dev"}
