"""Compare subjects. Each run rotates their order, so that noise affects all equally."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.environments import UnavailableError
from benchmarks.measures import Measure, Visit, entry, visits
from benchmarks.plan import Plan
from benchmarks.records import UnfinishedError
from benchmarks.subjects import Cloud, Subject
from benchmarks.subjects.subject import SubjectError

FAILURES = (SubjectError, UnfinishedError, BotoCoreError, ClientError, RuntimeError)


@dataclass
class Results:
    """Figures by line and subject, one per run, and reasons for missing figures."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    reasons: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    left_out: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def add(self, subject: Subject, figures: dict[str, float]) -> None:
        """Add the figures of a run."""
        for key, value in figures.items():
            self.figures[key][subject.name].append(value)

    def fail(self, subject: Subject, keys: Sequence[str], reason: str) -> None:
        """Add the reason for missing figures."""
        for key in keys:
            self.reasons[key][subject.name] = reason


def compare(subjects: Sequence[Subject], plan: Plan, only: str | None = None) -> Results:
    """Measure all available subjects. Ctrl-C ends the comparison with the results so far."""
    results = Results()
    try:
        _runs([subject for subject in subjects if _installed(subject, results)], plan, only, results)
    except KeyboardInterrupt:
        say("interrupted; these are the results so far")
        results.interrupted = True
    return results


def _runs(present: list[Subject], plan: Plan, only: str | None, results: Results) -> None:
    for run in range(plan.runs if present else 0):
        for visit in visits(plan, only):
            turn = run % len(present)
            for subject in present[turn:] + present[:turn]:
                _visit(subject, visit, plan, results, f"run {run + 1} of {plan.runs}")


def _installed(subject: Subject, results: Results) -> bool:
    try:
        subject.install()
    except UnavailableError as error:
        results.left_out[subject.name] = str(error)
        say(f"{subject.name} is left out: {error}")
        return False
    return True


def _visit(subject: Subject, visit: Visit, plan: Plan, results: Results, which: str) -> None:
    possible = [measure for measure in visit.measures if _can(subject, measure, results)]
    if visit.measures and not possible:
        return
    names = ", ".join(measure.name for measure in possible) or "startup"
    say(f"{which}: {subject.name}: {names}" + (f" with {visit.rules:,} rules" if visit.rules > 1 else ""))
    with Cloud(subject, rules=visit.rules, limit=plan.memory_limit) as cloud:
        try:
            results.add(subject, {"startup": cloud.make_ready(), "first": cloud.handle_first(entry("Sink", "first"))})
            subject.add_rules(cloud)
        except FAILURES as error:
            results.fail(
                subject, ["startup", "first", *(key for measure in possible for key in measure.keys)], str(error)
            )
            return
        for measure in possible:
            _take(measure, cloud, plan, results)


def _can(subject: Subject, measure: Measure, results: Results) -> bool:
    if measure.needs in subject.lacks:
        results.fail(subject, measure.keys, subject.lacks[measure.needs])
        return False
    return not any(key in results.reasons and subject.name in results.reasons[key] for key in measure.keys)


def _take(measure: Measure, cloud: Cloud, plan: Plan, results: Results) -> None:
    try:
        cloud.check()
        results.add(cloud.subject, measure.take(cloud, plan))
    except FAILURES as error:
        results.fail(cloud.subject, measure.keys, _reason(cloud, error))


def _reason(cloud: Cloud, error: Exception) -> str:
    """Return the reason of a failure. The end of the process explains more than its client's error."""
    try:
        cloud.check()
    except SubjectError as broken:
        return str(broken)
    return str(error)


def say(text: str) -> None:
    """Print progress to standard error."""
    print(f"» {text}", file=sys.stderr, flush=True)
