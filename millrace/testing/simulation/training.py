"""Functions that have worked before, which are twice as fast: their code, clients and caches are ready.

A second cloud with the same stacks runs the test once, long before the time at which simulations start. Then the two
clouds exchange their functions, so that runs begin with an unused cloud and used functions, as often on AWS.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from millrace.local.simulation import START
from millrace.testing.simulation.runs import Plan, Run, Runner

WORTHWHILE = 50
"""Fewer seeds take less time than the training."""
BEFORE = START - 365 * 24 * 3600
"""When the training starts. Event ids, for example, would otherwise continue after those of the training."""
CALM = Plan(0, ())


@contextmanager
def trained(runner: Runner, another: Callable[[float], Runner], calm: Run) -> Iterator[None]:
    """Run a block with trained functions, unless their memory changes the run without faults, which was `calm`.

    `another` returns a runner of the same stacks, deployed to another cloud at a time.
    """
    other = another(BEFORE)
    other.here(CALM)
    with _exchanged(runner, other):
        same = runner.run(CALM).digest == calm.digest
    with _exchanged(runner, other) if same else nullcontext():
        runner.cloud.prepare(calm.needed)
        yield


@contextmanager
def _exchanged(runner: Runner, other: Runner) -> Iterator[None]:
    runner.cloud.exchange_functions(other.cloud)
    try:
        yield
    finally:
        runner.cloud.exchange_functions(other.cloud)
