"""All checks on one system: what they find, less what was acknowledged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from millrace.events import Event
from millrace.flow.assembly import Assembly, Place
from millrace.flow.checks import CHECKS
from millrace.flow.checks.loops import leads_back
from millrace.flow.findings import Finding, System, check
from millrace.flow.reader import read_graph

PLUGIN = "Millrace"
"""What the checks are called in CDK's report, and before the id of an acknowledged one."""
ACKNOWLEDGED = "aws:cdk:acknowledged-rules"
"""The type of the note in the assembly's metadata by which CDK keeps what is acknowledged: {id: reason}."""


@dataclass(frozen=True)
class Acknowledgement:
    """A finding that is to stand: of which check, about what, why."""

    check: str
    subject: str
    reason: str
    place: Place | None

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is about this subject, or about a part of it."""
        return self.check == finding.check and f"{finding.subject}/".startswith(f"{self.subject}/")


@check("unused-acknowledgement", weakness="upkeep", severity="warning")
def unused_acknowledgement(system: System) -> Iterator[Finding]:
    """Something is acknowledged that no check finds.

    It was mended, or it never was; left standing, the acknowledgement hides the next one of its kind. Take it out.
    """
    yield from _unused(system, list(_raw(system)))


def _unused(system: System, raw: Sequence[Finding]) -> Iterator[Finding]:
    for node in system.graph.functions:
        if "allow_cycle" in node.facts and not leads_back(system.graph, node.id):
            yield Finding.at(node, f"{node.name} may close a circle, and stands in none.", "Take allow_cycle out.")
    for known in acknowledgements(system):
        if not any(known.covers(finding) for finding in raw):
            told = "no check is called that" if known.check not in names() else "nothing of the kind is found there"
            yield Finding(
                subject=known.subject,
                message=f"{known.subject} acknowledges {known.check}, and {told}.",
                mend="Take the acknowledgement out.",
                places=(known.place,) if known.place else (),
            )


ALL_CHECKS = (*CHECKS, unused_acknowledgement)


def names() -> list[str]:
    """The ids of all checks."""
    return [known.id for known in ALL_CHECKS]


def read_system(folder: Path, events: Iterable[type[Event]], root: Path) -> System:
    """A synthesised assembly, with the project's contracts and sources, as the checks look at it."""
    assembly = Assembly(folder)
    return System(assembly, read_graph(assembly, events, root), root)


def findings(system: System) -> list[Finding]:
    """All that is wrong and not acknowledged, in the order of the checks."""
    raw, known = list(_raw(system)), acknowledgements(system)
    unused = (replace(found, check=unused_acknowledgement.id) for found in _unused(system, raw))
    return [*(found for found in raw if not any(each.covers(found) for each in known)), *unused]


def acknowledgements(system: System) -> list[Acknowledgement]:
    """What was acknowledged, at constructs and at events."""
    at_constructs = [
        Acknowledgement(rule.removeprefix(f"{PLUGIN}::"), path, reason, system.assembly.place_of(path))
        for path, note in system.assembly.noted(ACKNOWLEDGED)
        for rule, reason in note.items()
        if rule.startswith(f"{PLUGIN}::")
    ]
    at_events = [
        Acknowledgement(name, node.id, reason, node.place)
        for node in system.graph.of("event")
        for name, reason in (node.event.contract.acknowledged if node.event else {}).items()
    ]
    return [*at_constructs, *at_events]


def _raw(system: System) -> Iterator[Finding]:
    for known in CHECKS:
        for found in dict.fromkeys(known.find(system)):
            yield replace(found, check=known.id)
