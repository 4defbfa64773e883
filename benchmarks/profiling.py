"""Profile the thread of Millrace's scheduler with cProfile."""

import io
import pstats
from pathlib import Path

from benchmarks.environments import HOME
from benchmarks.measures import entry, throughput
from benchmarks.plan import QUICK, Plan
from benchmarks.subjects import Cloud, Millrace

STATS = HOME / "profile.pstats"
_SHOWN = 45


def profile(plan: Plan = QUICK) -> str:
    """Measure throughput under the profiler. Return the slowest functions; STATS has the full profile."""
    HOME.mkdir(parents=True, exist_ok=True)
    with Cloud(Millrace(STATS), limit=plan.memory_limit) as cloud:
        cloud.make_ready()
        cloud.handle_first(entry("Sink", "first"))
        throughput(cloud, plan)
    return "\n".join(_slowest(STATS, by) for by in ("tottime", "cumulative"))


def _slowest(stats: Path, by: str) -> str:
    text = io.StringIO()
    pstats.Stats(str(stats), stream=text).sort_stats(by).print_stats(_SHOWN)
    return text.getvalue()
