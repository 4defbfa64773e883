"""Millrace: a local cloud in its own process, with a synthesised assembly."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import stack
from benchmarks.environments import HOME
from benchmarks.subjects import deployment
from benchmarks.subjects.subject import Cloud, Site, Subject

ROOT = Path(__file__).parents[2]


class Millrace(Subject):
    """Millrace's local cloud. `profile` is a file for the profile of its scheduler's thread."""

    name = "Millrace"

    def __init__(self, profile: Path | None = None) -> None:
        self._profile = profile

    def prepare(self, site: Site) -> None:
        """Write the assembly."""
        stack.write_assembly(site.folder / "cdk.out", site.record)

    def command(self, site: Site) -> Sequence[str]:
        """Return the command of the local cloud without the CLI."""
        return [
            *(sys.executable, "-m", "benchmarks.started.local_cloud"),
            *(str(site.port), str(site.folder / "cdk.out"), str(HOME / "millrace"), str(site.folder / "up")),
            *([str(self._profile)] if self._profile else []),
        ]

    def environment(self, _site: Site) -> dict[str, str]:
        """Return the path of this package."""
        return {"PYTHONPATH": str(ROOT)}

    def is_up(self, site: Site) -> bool:
        """Return whether the stack is deployed."""
        return (site.folder / "up").exists()

    def add_rules(self, cloud: Cloud) -> None:
        """Add rules through AWS's API."""
        deployment.add_rules(cloud)
