"""Which templates an assembly has after its app has run, or has failed."""

import json
import sys

import pytest

from millrace.local.cloudformation.synthesis import SynthesisError, synthesise


@pytest.fixture
def run_app(tmp_path):
    """Synthesise an app of this code, and return the names of the templates in its assembly."""
    (tmp_path / "cdk.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))

    def run(code):
        (tmp_path / "app.py").write_text(f"import os, pathlib\nout = pathlib.Path(os.environ['CDK_OUTDIR'])\n{code}")
        synthesise(tmp_path, tmp_path / "out")

    def names():
        return sorted(file.name.partition(".")[0] for file in (tmp_path / "out").glob("*.template.json"))

    run.templates = names
    return run


def writes(stack):
    return f"(out / '{stack}.template.json').write_text('{{}}')\n"


def test_the_template_of_a_stack_that_the_app_no_longer_has_is_deleted(run_app):
    run_app(writes("Shop") + writes("Old"))
    run_app(writes("Shop"))
    assert run_app.templates() == ["Shop"]


def test_the_templates_stay_while_the_app_runs(run_app):
    run_app(writes("Shop"))
    run_app("assert [*out.glob('Shop.template.json')]\n" + writes("Shop") + writes("New"))
    assert run_app.templates() == ["New", "Shop"]


def test_an_app_that_fails_leaves_the_last_templates_and_runs_again(run_app):
    run_app(writes("Shop"))
    for _ in range(2):
        with pytest.raises(SynthesisError, match="a handler is broken"):
            run_app("raise SystemExit('a handler is broken')")
    assert run_app.templates() == ["Shop"]
