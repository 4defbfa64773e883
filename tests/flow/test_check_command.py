"""`millrace check` as a person and as a machine use it."""

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from millrace.cli import main
from millrace.flow.checking import ALL_CHECKS, names
from millrace.flow.findings import Finding, Place
from millrace.flow.sarif import as_sarif
from millrace.flow.telling import as_text

ROOT = Path(__file__).parents[2]
SARIF = json.loads((ROOT / "tests" / "data" / "sarif-2.1.0.json").read_text())
INPUTS = ("functions", "infra", "app.py", "cdk.json", "requirements.txt")
PLACES = (Place("infra/a.py", 3), Place("functions/a/handler.py", 9))
FOUND = Finding("Shop/A", "It is so.", "Do so.", PLACES, check="cycle")


def run(*arguments, at=ROOT):
    command = [sys.executable, "-m", "millrace", *arguments]
    ran = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout or ran.stderr


def test_the_shop_has_no_findings_told_within_two_seconds_of_work(assembly):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run("check") == (0, "No findings.\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


def test_cdk_is_not_loaded_for_a_ready_assembly(assembly):
    script = "import sys, millrace.cli as c; c.main(['check']); print({'aws_cdk', 'moto', 'boto3'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["No findings.", "set()"]


@pytest.fixture(scope="module")
def looping(assembly, tmp_path_factory):
    """A copy of the shop in which points lead to an order, and what its synth said."""
    shop = tmp_path_factory.mktemp("looping")
    for name in INPUTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, shop / name)
    (shop / ".millrace").mkdir()
    (shop / ".millrace" / "layers").symlink_to(ROOT / ".millrace" / "layers")
    handler = shop / "functions" / "award_points" / "handler.py"
    source = handler.read_text().replace("-> PointsAwarded:", "-> PointsAwarded | OrderPlaced:")
    imported = "from functions.contracts.orders import OrderPlaced\nfrom millrace"
    handler.write_text(source.replace("from millrace", imported, 1))
    return shop, run("synth", at=shop)


def test_points_that_lead_to_an_order_stop_the_synth_with_the_whole_way_round(looping):
    status, told = looping[1]
    assert status != 0
    assert (
        "The events go round: OrderCompleted → award_points → OrderPlaced → Fulfilment → complete_order → OrderC"
        in told
    )
    assert "Traceback" not in told


def test_the_files_and_lines_to_change_are_named(looping):
    shop, (_, told) = looping
    for function in ("award_points", "complete_order"):
        lines = (shop / "functions" / function / "handler.py").read_text().splitlines()
        number = next(at for at, line in enumerate(lines, 1) if line.startswith("def handler"))
        assert f"{function}  functions/{function}/handler.py:{number}, infra/" in told
    assert "allow_cycle=allow_cycle(reason=…, max_hops=…)" in told


def test_check_tells_the_same_for_a_machine_and_exits_with_one(looping):
    status, told = run("check", "--json", at=looping[0])
    (found,) = [found for found in json.loads(told) if found["check"] == "cycle"]
    assert status == 1
    assert {place["file"] for place in found["places"]} >= {"functions/award_points/handler.py", "infra/loyalty.py"}


def test_sarif_is_valid_and_leads_to_the_lines():
    told = as_sarif([FOUND], ALL_CHECKS)
    Draft4Validator(SARIF).validate(told)
    (result,) = told["runs"][0]["results"]
    where = result["locations"][0]["physicalLocation"]
    assert (where["artifactLocation"]["uri"], where["region"]["startLine"]) == ("infra/a.py", 3)


def test_text_says_what_where_and_the_mend():
    assert as_text([FOUND]).splitlines()[:3] == [
        "cycle: It is so.",
        "   at infra/a.py:3, functions/a/handler.py:9",
        "   mend: Do so.",
    ]


@pytest.mark.parametrize("name", names())
def test_every_check_is_explained(name, capsys):
    assert main(["check", "--explain", name]) == 0
    assert capsys.readouterr().out.startswith(f"{name} (")


@pytest.mark.parametrize("arguments", [["--explain", "cylce"], ["--json", "--sarif"], ["--output"]])
def test_wrong_use_exits_with_two(arguments):
    assert run("check", *arguments)[0] == 2


def test_a_folder_without_an_app_is_wrong_use(tmp_path):
    status, told = run("check", at=tmp_path)
    assert (status, "has no cdk.json" in told) == (2, True)
