"""Typical mistakes in a project: each answer names file, line and remedy, in six lines at most."""

import tomllib
from pathlib import Path
from traceback import format_exception

import pytest
from twins import Twins, lay_out

from millrace.flow.report import details
from millrace.local.cloudformation.synthesis import SynthesisError, synthesise
from millrace.operations.tracebacks import project_error

TABLE = tomllib.loads(Path(__file__).with_name("mistakes.toml").read_text())
FILES = {
    "handler": "functions/bill_order/handler.py",
    "contract": "functions/contracts/billing.py",
    "infra": "infra.py",
}
MISTAKES = [pytest.param(FILES[kind], each, id=each["name"]) for kind, rows in TABLE.items() for each in rows]
OF_THE_KIT = ("millrace/constructs", "millrace/runtime", "jsii", "site-packages")
IMPORT = "from millrace.constructs import Mediator, Processor, ordered, queue"


class Mistakes(Twins):
    """Projects with one mistake each, synthesised in this process."""

    def answer(self, file, find, replace, fix, **_):
        """The lines that explain a project's error or, if it has none, the finding with a fix."""
        project = lay_out(self._folder / "project", {})
        infra = project / "infra.py"
        infra.write_text(infra.read_text().replace("from millrace.constructs import Processor", IMPORT))
        text = (project / file).read_text()
        assert find in text
        (project / file).write_text(text.replace(find, replace, 1))
        with self._imported(project):
            try:
                found = self._findings(project)
            except Exception as error:  # noqa: BLE001 - the mistake
                text = "".join(format_exception(error))
                return (project_error(text, project) or text).splitlines()
        texts = [[each.message, *details(each), f"fix: {each.fix}"] for each in found]
        return next((lines for lines in texts if fix in lines[-1]), [])


@pytest.fixture
def answer(synth_in_process, tmp_path, monkeypatch):
    return Mistakes(tmp_path, monkeypatch).answer


@pytest.mark.parametrize(("file", "mistake"), MISTAKES)
def test_a_mistake_is_explained_in_six_lines(answer, file, mistake):
    lines = answer(file, **mistake)
    text = "\n".join(lines)
    assert 1 <= len(lines) <= 6, text
    assert mistake["at"] in next(line for line in lines if ".py:" in line), text
    assert mistake["fix"] in text
    assert not any(name in text for name in OF_THE_KIT), text


def test_the_table_has_forty_mistakes():
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"app": "python app.py",\n "context": {"millrace:chek": "no"}}', "cdk.json:2: Millrace has no context key"),
        ('{"app": "python app.py"', "cdk.json is no JSON: Expecting ',' delimiter: line 1"),
        ("{}", 'cdk.json has no "app". Add "app": "python app.py".'),
        ('{"app": "sh -c \'echo no node >&2; exit 3\'"}', "failed with exit status 3:\nno node"),
    ],
)
def test_a_mistake_in_cdk_json_is_explained(tmp_path, text, answer):
    (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(SynthesisError) as raised:
        synthesise(tmp_path, tmp_path / "out")
    assert answer in str(raised.value)
