"""Run cdk-nag (two packs), cfn-lint, checkov, parliament and asl-validator over the shop in each mode, for `make lint`.

The modes: by default, with a key of its own, with tables that are deleted with the stack, as a stage, split into
several stacks, and with the stack of its sales; the last two also with a key. cfn-lint runs every rule for every region
that has all resource types. The report is cached, and printed again while nothing has changed.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cfnlint.helpers
import lint_documents

from millrace.local.cloudformation.synthesis import app_environment, fingerprint

HERE = Path(__file__).parent
SHOPS = {
    "default": {},
    "own-key": {"encryption-key": "create"},
    "deleted": {"keep-tables": "no"},
    "stage": {"stage": "dev"},
    "split": {"split": "yes"},
    "sales": {"sales": "yes"},
    "sales-key": {"sales": "yes", "encryption-key": "create"},
    "split-key": {"split": "yes", "encryption-key": "create"},
}
EXCLUDED_RULES = {
    "I1022": "Fn::Join without a delimiter is what CDK writes.",
    "I4010": "Metadata for AI agents; the flow checker reads Millrace's own.",
}
"""Rules of cfn-lint that do not run, and why."""
WITHOUT_SCHEMA_REGISTRY = (
    *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
    *("ca-west-1", "il-central-1", "mx-central-1"),
)
"""Regions without AWS::EventSchemas::Registry: the bus there has schema_type=None."""
TOOLS = (
    HERE / "lint.py",
    HERE / "lint_documents.py",
    HERE / "nag.py",
    HERE / "checkov-requirements.txt",
    HERE.parent / "requirements.txt",
)


class Report:
    """What each tool found in each shop: lines for people, and the number of findings."""

    def __init__(self):
        self.lines = []
        self.findings = 0

    def add(self, tool, shop, found, acknowledged):
        """Note a tool's findings, and how many it was report to let be."""
        self.findings += len(found)
        self.lines.append(f"{tool:<30} {shop:<9} {len(found)} findings, {acknowledged} acknowledged")
        self.lines += [f"    {finding}" for finding in found]


def main() -> int:
    """Check, or say what is known. 1 if anything is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validators", required=True, type=Path, help="the folder with checkov and parliament")
    parser.add_argument("--asl-validator", required=True, help="the script of asl-validator")
    chosen = parser.parse_args()
    kept = Path(".millrace/lint/report.json")
    inputs = _inputs()
    known = json.loads(kept.read_text()) if kept.exists() else {}
    if known.get("inputs") != inputs:
        report = check(Path.cwd(), Path(".millrace/lint"), chosen.validators, chosen.asl_validator)
        known = {"inputs": inputs, "lines": report.lines, "findings": report.findings}
        kept.write_text(json.dumps(known))
    sys.stdout.write("\n".join(known["lines"]) + "\n")
    return 1 if known["findings"] else 0


def check(project: Path, out: Path, validators: Path, asl: str) -> Report:
    """Run every tool over every shop."""
    report = Report()
    checkov, parliament = str(validators / "checkov"), str(validators / "parliament")
    regions = [region for region in cfnlint.helpers.REGIONS if region not in WITHOUT_SCHEMA_REGISTRY]
    for shop, context in SHOPS.items():
        assembly = out / shop
        assembly.mkdir(parents=True, exist_ok=True)
        for pack, found in nag(project, assembly, context).items():
            report.add(f"cdk-nag {version('cdk-nag')} {pack}", shop, found, _nag_acknowledged(assembly, pack))
        for template in sorted(assembly.glob("*.template.json")):
            tool = f"cfn-lint {version('cfn-lint')} {len(regions)} regions"
            report.add(tool, shop, cfn_lint(template, regions), _cfn_lint_acknowledged(template))
            report.add(f"checkov {version_of(checkov)}", shop, *run_checkov(template, checkov))
            report.add(version_of(parliament), shop, *lint_documents.parliament(template, parliament))
            report.add("asl-validator", shop, lint_documents.asl_validator(template, asl), 0)
    return report


def nag(project: Path, assembly: Path, context: dict[str, str]) -> dict[str, list[str]]:
    """The findings of each pack of cdk-nag."""
    environment = app_environment(project, assembly, context)
    ran = _run([sys.executable, str(HERE / "nag.py")], cwd=project, env=environment, fine=(0,))
    packs = json.loads(ran)
    return {pack: [f"{rule} {path}: {wrong}" for rule, wrong, path in found] for pack, found in packs.items()}


def cfn_lint(template: Path, regions: list[str]) -> list[str]:
    """The findings of every rule of cfn-lint in these regions."""
    program = Path(sys.executable).parent / "cfn-lint"
    options = ["--include-experimental", "--include-checks", "I", "--ignore-checks", *EXCLUDED_RULES]
    options += ["--regions", *regions, "--format", "json"]
    report = _run([str(program), *options, "--", str(template)], fine=range(64))
    return [
        f"{m['Rule']['Id']} {'/'.join(map(str, m['Location']['Path'][:3]))}: {m['Message']}" for m in json.loads(report)
    ]


def run_checkov(template: Path, program: str) -> tuple[list[str], int]:
    """The findings of checkov, and the number of those that are acknowledged. It sends no request to a server."""
    options = ["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "-o", "json"]
    report = json.loads(_run([program, "-f", str(template), *options], fine=(0, 1)))
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        raise SystemExit(f"checkov read nothing in {template}: {report['summary']}")
    found = [f"{c['check_id']} {c['resource']}: {c['check_name']}" for c in report["results"]["failed_checks"]]
    return found, report["summary"]["skipped"]


def version_of(program: str) -> str:
    """Return the version that a program prints."""
    return _run([program, "--version"], fine=(0,)).strip()


def _run(command: list[str], *, fine: Any, **how: Any) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if ran.returncode not in fine or not ran.stdout:
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def _nag_acknowledged(assembly: Path, pack: str) -> int:
    return sum(1 for rule in _acknowledged_rules(assembly) if f"::{pack}-" in rule)


def _acknowledged_rules(assembly: Path) -> Iterator[str]:
    for file in assembly.glob("*.metadata.json"):
        for entries in json.loads(file.read_text()).values():
            for entry in entries:
                if entry["type"] == "aws:cdk:acknowledged-rules":
                    yield from entry["data"]


def _cfn_lint_acknowledged(template: Path) -> int:
    resources = json.loads(template.read_text())["Resources"].values()
    notes = [resource.get("Metadata", {}).get("cfn-lint") for resource in resources]
    return sum(len(note["config"]["ignore_checks"]) for note in notes if note)


def _inputs() -> dict[str, str]:
    tools = {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in TOOLS}
    return fingerprint(Path.cwd()) | tools


if __name__ == "__main__":
    sys.exit(main())
