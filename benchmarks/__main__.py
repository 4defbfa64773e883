"""Compare Millrace with other local clouds, or run `cold`, `streams`, `soak`, `shop`, `simulation` or `profile`."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from types import FrameType
from typing import NoReturn

from benchmarks import cold, report, shop, simulation, soak, streams
from benchmarks.bars import evaluate
from benchmarks.comparison import compare
from benchmarks.environments import HOME
from benchmarks.plan import QUICK, Plan
from benchmarks.profiling import STATS, profile
from benchmarks.subjects import subjects

LAST = HOME / "last.json"
"""The latest results, with the figures of each run."""

WHAT = ("compare", "cold", "streams", "soak", "shop", "simulation", "profile")
MEASURES = ("latency", "throughput", "chain", "machine", "machines", "crowd", "backlog", "fairness", "startup", "rules")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 if a soak or shop run fails. A missed bar of the comparison is only reported."""
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    runs = {
        "compare": _compare,
        "cold": _cold,
        "streams": _streams,
        "soak": _soak,
        "shop": _shop,
        "simulation": _simulation,
        "profile": _profile,
    }
    return runs[given.what](given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=WHAT, default="compare")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", choices=MEASURES, help="run one measure")
    parser.add_argument("--subject", action="append", help="run only this subject; may be repeated")
    parser.add_argument("--runs", type=int, help="set the number of runs")
    parser.add_argument("--quick", action="store_true", help="run once with small sizes, to check the benchmark itself")
    return parser


def _compare(given: argparse.Namespace) -> int:
    plan = _plan(given)
    chosen = [each for each in subjects() if not given.subject or each.name.lower() in _lower(given.subject)]
    about = report.surroundings(plan)
    results = compare(chosen, plan, given.only)
    evaluated = evaluate(results)
    text = json.dumps(report.as_json(evaluated, results, about), indent=2)
    LAST.write_text(text)
    if given.json:
        print(text)
    else:
        print(report.as_text(evaluated, results, about, [each.name for each in chosen]))
    return 130 if results.interrupted else 0


def _soak(given: argparse.Namespace) -> int:
    soaked = soak.soak(soak.EVENTS // 10 if given.quick else soak.EVENTS)
    print(json.dumps(soak.as_json(soaked), indent=2) if given.json else soak.as_text(soaked))
    return 0 if soaked.holds else 1


def _cold(given: argparse.Namespace) -> int:
    found = cold.cold(given.runs or (3 if given.quick else cold.RUNS))
    print(json.dumps(found.ratios, indent=2) if given.json else cold.as_text(found))
    return 0 if found.holds else 1


def _streams(given: argparse.Namespace) -> int:
    return streams.main(["--readings", "20000" if given.quick else "200000"])


def _profile(_given: argparse.Namespace) -> int:
    print(profile(), f"\nThe full profile is in {STATS}.")
    return 0


def _shop(given: argparse.Namespace) -> int:
    found = shop.backlog(shop.EVENTS // 20 if given.quick else shop.EVENTS)
    print(json.dumps(shop.as_json(found), indent=2) if given.json else shop.as_text(found))
    return 0 if found.holds else 1


def _simulation(given: argparse.Namespace) -> int:
    found = simulation.simulated(simulation.SEEDS // 4 if given.quick else simulation.SEEDS)
    print(json.dumps(asdict(found), indent=2) if given.json else simulation.as_text(found))
    return 0 if found.holds else 1


def _plan(given: argparse.Namespace) -> Plan:
    plan = QUICK if given.quick else Plan()
    return replace(plan, runs=given.runs) if given.runs else plan


def _lower(names: Sequence[str]) -> set[str]:
    return {name.lower() for name in names}


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # the handlers end every process


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
