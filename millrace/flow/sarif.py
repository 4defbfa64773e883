"""Findings as SARIF 2.1.0, for code hosts and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from collections.abc import Iterable
from typing import Any

import millrace
from millrace.flow.assembly import Place
from millrace.flow.findings import Check, Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(findings: Iterable[Finding], checks: Iterable[Check]) -> dict[str, Any]:
    """One run with its rules and results. Files are named from the project's folder."""
    known = list(checks)
    driver = {"name": "millrace", "version": millrace.__version__, "rules": [_rule(each) for each in known]}
    levels = {each.id: each.severity for each in known}
    results = [_result(found, levels[found.check]) for found in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


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
    steps = "".join(f"\n{step}" for step in found.steps)
    return {
        "ruleId": found.check,
        "level": level,
        "message": {"text": f"{found.message} {found.mend}{steps}"},
        "locations": [_location(place, found) for place in found.places[:1]] or [{"logicalLocations": _logical(found)}],
        "relatedLocations": [_location(place, found) for place in found.places[1:]],
        "partialFingerprints": {"finding/v1": f"{found.check}:{found.subject}"},
    }


def _location(place: Place, found: Finding) -> dict[str, Any]:
    physical = {"artifactLocation": {"uri": place.file}, "region": {"startLine": place.line}}
    return {"physicalLocation": physical, "logicalLocations": _logical(found)}


def _logical(found: Finding) -> list[dict[str, Any]]:
    return [{"fullyQualifiedName": found.subject}]
