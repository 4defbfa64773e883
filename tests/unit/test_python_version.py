"""The Python version of the functions, and the one that runs here."""

import json
import sys

import pytest

from millrace.local.cloudformation.synthesis import python_mismatch

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def functions(tmp_path):
    """Write an assembly whose functions have these runtimes."""

    def write(*runtimes):
        resources = {
            f"F{n}": {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": r}} for n, r in enumerate(runtimes)
        }
        (tmp_path / "S.template.json").write_text(json.dumps({"Resources": resources}))
        return tmp_path

    return write


def test_functions_of_another_python_version_are_reported_with_the_setting(functions):
    warning = python_mismatch(functions("python3.9", f"python{HERE}", {"Ref": "Runtime"}))
    assert f"Functions run on python{HERE} here, and on python3.9 in Lambda" in warning
    assert f'"millrace:python": "{HERE}" in the context of cdk.json' in warning


def test_functions_of_this_version_or_other_languages_are_not_reported(functions):
    assert python_mismatch(functions(f"python{HERE}", "nodejs22.x")) == ""
