"""Millrace: its local cloud in a process of its own, deployed to from a ready assembly."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import stack
from benchmarks.environments import HOME
from benchmarks.subjects import deployment
from benchmarks.subjects.subject import Cloud, Site, Subject

ROOT = Path(__file__).parents[2]


class Millrace(Subject):
    """What this project is about. With `profile`, a file, it profiles the thread of its event plane."""

    name = "Millrace"

    def __init__(self, profile: Path | None = None) -> None:
        self._profile = profile

    def prepare(self, site: Site) -> None:
        """Write the assembly, as `cdk synth` would have done before."""
        stack.write_assembly(site.folder / "cdk.out", site.record)

    def command(self, site: Site) -> Sequence[str]:
        """The local cloud, and nothing of the command line around it."""
        return [
            *(sys.executable, "-m", "benchmarks.started.local_cloud"),
            *(str(site.port), str(site.folder / "cdk.out"), str(HOME / "millrace"), str(site.folder / "up")),
            *([str(self._profile)] if self._profile else []),
        ]

    def environment(self, _site: Site) -> dict[str, str]:
        """Let it find this package."""
        return {"PYTHONPATH": str(ROOT)}

    def is_up(self, site: Site) -> bool:
        """It says so when the stack is deployed."""
        return (site.folder / "up").exists()

    def add_rules(self, cloud: Cloud) -> None:
        """Through AWS's API."""
        deployment.add_rules(cloud)
