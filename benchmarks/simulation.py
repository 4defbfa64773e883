"""Simulated orders through the shop, with faults: seeds a second on all cores, after deployment and training."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEEDS = 200
BAR = 1_000 / 60
"""Seeds a second on two cores: 1,000 within a minute."""


@dataclass(frozen=True)
class Simulated:
    """What `millrace simulate --json` reports."""

    seeds: int
    faults: int
    seconds: float
    failures: list[str]

    @property
    def rate(self) -> float:
        return self.seeds / self.seconds

    @property
    def holds(self) -> bool:
        """Whether the invariants held. A missed bar is only reported."""
        return not self.failures


def simulated(seeds: int) -> Simulated:
    """Run the seeds."""
    test = "tests/local/test_simulation_shop.py::test_an_order_ends_once_and_everything_adds_up"
    command = [str(Path(sys.executable).with_name("millrace")), "simulate", test, "--seeds", str(seeds), "--json"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout)
    return Simulated(sum(found["runs"].values()), found["faults"], found["seconds"], found["failures"])


def as_text(found: Simulated) -> str:
    """Return the line of the benchmark."""
    result = f"{found.rate:.1f} seeds a second (bar: {BAR:.1f}), {found.faults:,} faults in {found.seeds:,} seeds"
    return "\n".join([f"simulation of the shop's orders: {result}", *found.failures])
