"""`millrace check` prints text, JSON and SARIF."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from twins import files_of, lay_out

from millrace.cli import main
from millrace.flow.assembly import SourceLocation
from millrace.flow.checking import ALL_CHECKS, names
from millrace.flow.findings import Finding
from millrace.flow.report import as_sarif, reject_lone_surrogates

ROOT = Path(__file__).parents[2]
SARIF = json.loads((ROOT / "tests" / "data" / "sarif-2.1.0.json").read_text())
APP = """
from aws_cdk import App, Stack

from infra import build
from millrace.constructs import Bus

app = App(analytics_reporting=False)
stack = Stack(app, "Demo")
build(stack, Bus(stack, "Bus", name="demo"))
app.synth()
"""
LOCATIONS = (SourceLocation("infra/a.py", 3), SourceLocation("functions/a/handler.py", 9))
FOUND = Finding("Shop/A", "It is wrong.", "Fix it.", LOCATIONS, check="cycle")


def run(*arguments, at=ROOT):
    command = [sys.executable, "-m", "millrace", *arguments]
    ran = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout or ran.stderr


def test_shop_has_no_findings_within_two_seconds_of_processor_time(assembly):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run("check") == (0, "No findings.\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_existing_assembly_is_checked_without_cdk(assembly):
    script = "import sys, millrace.cli as c; c.main(['check']); print({'aws_cdk', 'moto', 'boto3'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["No findings.", "set()"]


@pytest.fixture(scope="module")
def looping(assembly, tmp_path_factory):
    """A small app in which bill_order and ship_order form a cycle, and the result of its synth."""
    project = lay_out(tmp_path_factory.mktemp("cycle") / "demo", files_of("cycle", "bad"))
    shutil.copy(ROOT / "cdk.json", project)
    (project / "app.py").write_text(APP)
    return project, run("synth", at=project)


def test_cycle_stops_the_synth_and_shows_its_path(looping):
    status, output = looping[1]
    assert status != 0
    assert "The events form a cycle: OrderPaid → ship_order → OrderShipped → bill_order → OrderPaid" in output
    assert "Traceback" not in output


def test_finding_names_files_and_lines(looping):
    project, (_, output) = looping
    for function in ("bill_order", "ship_order"):
        lines = (project / "functions" / function / "handler.py").read_text().splitlines()
        number = next(at for at, line in enumerate(lines, 1) if line.startswith("def handler"))
        assert f"{function}  functions/{function}/handler.py:{number}, infra.py:" in output
    assert "allow_cycle=allow_cycle(reason=…, max_hops=…)" in output


def test_check_prints_json_and_exits_with_one(looping):
    status, output = run("check", "--json", at=looping[0])
    (found,) = json.loads(output)
    assert (status, found["check"]) == (1, "cycle")
    assert {each["file"] for each in found["locations"]} >= {"functions/bill_order/handler.py", "infra.py"}


def test_sarif_is_valid_and_has_locations():
    report = as_sarif([FOUND], ALL_CHECKS)
    Draft4Validator(SARIF).validate(report)
    (result,) = report["runs"][0]["results"]
    where = result["locations"][0]["physicalLocation"]
    assert (where["artifactLocation"]["uri"], where["region"]["startLine"]) == ("infra/a.py", 3)


def test_text_has_message_locations_and_fix():
    assert reject_lone_surrogates([FOUND]).splitlines()[:3] == [
        "cycle: It is wrong.",
        "   at infra/a.py:3, functions/a/handler.py:9",
        "   fix: Fix it.",
    ]


@pytest.mark.parametrize("name", names())
def test_explain_prints_each_check(name, capsys):
    assert main(["check", "--explain", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name} (")


@pytest.mark.parametrize("arguments", [["--explain", "cylce"], ["--json", "--sarif"], ["--output"]])
def test_invalid_arguments_exit_with_two(arguments):
    assert run("check", *arguments)[0] == 2


def test_folder_without_an_app_exits_with_two(tmp_path):
    status, output = run("check", at=tmp_path)
    assert (status, "has no cdk.json" in output) == (2, True)
