"""Sizes of the measures: in full, or small to check the benchmark itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Sizes of the measures. `max_wait` is in seconds; `memory_limit` is in bytes per subject."""

    runs: int = 3
    latencies: int = 300
    events: int = 5_000
    warm_events: int = 500
    chains: int = 30
    crowd: int = 100
    executions: int = 20
    concurrent_executions: int = 1_000
    rule_events: int = 500
    rules: tuple[int, ...] = (1, 1_000)
    backlog: int = 20_000
    small_backlog: int = 200
    shared: int = 1_500
    max_wait: float = 120.0
    memory_limit: int = 8 << 30


QUICK = Plan(
    runs=1,
    latencies=50,
    events=1_000,
    warm_events=200,
    chains=5,
    crowd=20,
    executions=5,
    concurrent_executions=100,
    rule_events=200,
    backlog=2_000,
    shared=150,
    max_wait=60.0,
)
