"""Runs all checks on a system and removes the acknowledged findings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from millrace.events import Event
from millrace.flow.assembly import Assembly, SourceLocation
from millrace.flow.checks import CHECKS
from millrace.flow.checks.loops import leads_back
from millrace.flow.findings import Finding, System, check
from millrace.flow.reader import read_graph

PLUGIN = "Millrace"
"""The name of the checks in CDK's validation report, and the prefix of acknowledged ids."""
ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
"""The type of CDK's metadata entry for acknowledged rules: {id: reason}."""


@dataclass(frozen=True)
class Acknowledgement:
    """A finding that the project accepts, with the reason."""

    check: str
    subject: str
    reason: str
    location: SourceLocation | None
    of_stack: bool = False

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is about this subject or a construct inside it; for a stack, only about the stack."""
        if self.check != finding.check:
            return False
        if self.of_stack:
            return self.subject == finding.subject
        return f"{finding.subject}/".startswith(f"{self.subject}/")


@check("unused-acknowledgement", weakness="upkeep", severity="warning")
def unused_acknowledgement(system: System) -> Iterator[Finding]:
    """An acknowledgement matches no finding.

    The finding was fixed or never existed. The acknowledgement would hide the next finding of the same check. Remove
    it.
    """
    yield from _unused(system, list(_raw(system)))


def _unused(system: System, raw: Sequence[Finding]) -> Iterator[Finding]:
    for node in system.graph.functions:
        if "allow_cycle" in node.facts and not leads_back(system.graph, node.id):
            yield Finding.at(node, f"{node.name} sets allow_cycle but is part of no cycle.", "Remove allow_cycle.")
    for known in acknowledgements(system):
        if not any(known.covers(finding) for finding in raw):
            why = "no check has that id" if known.check not in names() else "the check finds nothing there"
            yield Finding(
                subject=known.subject,
                message=f"{known.subject} acknowledges {known.check}, but {why}.",
                fix="Remove the acknowledgement.",
                locations=(known.location,) if known.location else (),
            )


ALL_CHECKS = (*CHECKS, unused_acknowledgement)


def stops_synth(finding: Finding) -> bool:
    """Whether a finding stops a synth: every one but a note."""
    return next(known.severity for known in ALL_CHECKS if known.id == finding.check) != "note"


def names() -> list[str]:
    """The ids of all checks."""
    return [known.id for known in ALL_CHECKS]


def read_system(folder: Path, events: Iterable[type[Event]], root: Path) -> System:
    """The system of a synthesised assembly, the project's contracts and its sources."""
    assembly = Assembly(folder)
    return System(assembly, read_graph(assembly, events, root), root)


def findings(system: System) -> list[Finding]:
    """All findings that are not acknowledged, in the order of the checks."""
    raw, known = list(_raw(system)), acknowledgements(system)
    unused = (replace(found, check=unused_acknowledgement.id) for found in _unused(system, raw))
    return [*(found for found in raw if not any(each.covers(found) for each in known)), *unused]


def acknowledgements(system: System) -> list[Acknowledgement]:
    """The acknowledgements of constructs and of events."""
    stacks = {resource.stack for resource in system.assembly}
    at_constructs = [
        Acknowledgement(
            rule.removeprefix(f"{PLUGIN}::"), path, reason, system.assembly.location_of(path), path in stacks
        )
        for path, entry in system.assembly.metadata(ACKNOWLEDGED)
        for rule, reason in entry.items()
        if rule.startswith(f"{PLUGIN}::")
    ]
    at_events = [
        Acknowledgement(name, node.id, reason, node.location)
        for node in system.graph.of("event")
        for name, reason in (node.event.contract.acknowledged if node.event else {}).items()
    ]
    return [*at_constructs, *at_events]


def _raw(system: System) -> Iterator[Finding]:
    for known in CHECKS:
        for found in dict.fromkeys(known.find(system)):
            yield replace(found, check=known.id)
