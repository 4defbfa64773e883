"""Findings for a person and for a machine."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from millrace.flow.findings import Check, Finding


def as_text(findings: Sequence[Finding]) -> str:
    """What a person reads in a terminal: what is wrong, where, the mend."""
    if not findings:
        return "No findings."
    ids = ", ".join(dict.fromkeys(found.check for found in findings))
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    end = f"{count}. What a check is about: millrace check --explain ID ({ids})."
    return "\n\n".join([*(told(found) for found in findings), end])


def told(found: Finding) -> str:
    """One finding, in a few lines."""
    return "\n".join([f"{found.check}: {found.message}", *details(found), f"   mend: {found.mend}"])


def details(found: Finding) -> Iterator[str]:
    """The way of a loop, and the lines to look at."""
    yield from (f"      {step}" for step in found.steps)
    shown = [str(place) for place in found.places if not any(str(place) in step for step in found.steps)]
    if shown or not found.steps:
        yield f"   at {', '.join(shown) or found.subject}"


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings for a machine."""
    return [
        {
            "check": found.check,
            "subject": found.subject,
            "message": found.message,
            "mend": found.mend,
            "places": [{"file": place.file, "line": place.line} for place in found.places],
            "resources": list(found.resources),
            "steps": list(found.steps),
        }
        for found in findings
    ]


def explained(known: Check) -> str:
    """What `--explain` prints."""
    return f"{known.id} ({known.severity}; guards against: {known.weakness})\n\n{known.about}"
