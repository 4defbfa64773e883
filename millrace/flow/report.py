"""Findings as text, JSON and SARIF 2.1.0.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import millrace
from millrace.flow.assembly import SourceLocation
from millrace.flow.findings import Check, Finding

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def reject_lone_surrogates(findings: Sequence[Finding]) -> str:
    """Findings for a terminal: each with its message, its source locations and its fix."""
    if not findings:
        return "No findings."
    ids = ", ".join(dict.fromkeys(found.check for found in findings))
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    texts = ["\n".join([f"{each.check}: {each.message}", *details(each), f"   fix: {each.fix}"]) for each in findings]
    return "\n\n".join([*texts, f"{count}. To read about a check, run millrace check --explain ID ({ids})."])


def details(found: Finding) -> Iterator[str]:
    """The steps of a cycle, and the source locations that the steps do not name."""
    yield from (f"      {step}" for step in found.steps)
    shown = [str(location) for location in found.locations if not any(str(location) in step for step in found.steps)]
    if shown or not found.steps:
        yield f"   at {', '.join(shown) or found.subject}"


def explained(known: Check) -> str:
    """The text of `millrace check --explain`."""
    return f"{known.id} ({known.severity}; guards against: {known.weakness})\n\n{known.about}"


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON objects."""
    return [
        {
            "check": found.check,
            "subject": found.subject,
            "message": found.message,
            "fix": found.fix,
            "locations": [{"file": location.file, "line": location.line} for location in found.locations],
            "resources": list(found.resources),
            "steps": list(found.steps),
        }
        for found in findings
    ]


def as_sarif(findings: Iterable[Finding], checks: Iterable[Check]) -> dict[str, Any]:
    """One SARIF run with its rules and results. File names are relative to the project's folder."""
    known = list(checks)
    driver = {"name": "millrace", "version": millrace.__version__, "rules": [_rule(each) for each in known]}
    levels = {each.id: each.severity for each in known}
    results = [_result(found, levels[found.check]) for found in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(known: Check) -> dict[str, Any]:
    return {
        "id": known.id,
        "shortDescription": {"text": f"{known.title}."},
        "fullDescription": {"text": known.about},
        "help": {"text": known.about},
        "defaultConfiguration": {"level": known.severity},
        "properties": {"tags": [known.weakness]},
    }


def _result(found: Finding, level: str) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": found.subject}]
    locations = [_location(each, logical) for each in found.locations] or [{"logicalLocations": logical}]
    return {
        "ruleId": found.check,
        "level": level,
        "message": {"text": "\n".join([f"{found.message} {found.fix}", *found.steps])},
        "locations": locations[:1],
        "relatedLocations": locations[1:],
        "partialFingerprints": {"finding/v1": f"{found.check}:{found.subject}"},
    }


def _location(location: SourceLocation, logical: list[dict[str, Any]]) -> dict[str, Any]:
    physical = {"artifactLocation": {"uri": location.file}, "region": {"startLine": location.line}}
    return {"physicalLocation": physical, "logicalLocations": logical}
