"""The bare floor: one lean HTTP endpoint and two warm workers over pipes. Nothing of AWS but the shape of the calls."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from benchmarks.subjects.millrace import ROOT
from benchmarks.subjects.subject import Site, Subject


class Floor(Subject):
    """What cannot be undercut by much in Python: no rules, no retries, no logs, no isolation."""

    name = "floor"
    lacks: ClassVar[Mapping[str, str]] = {"rules": "has no rules", "fairness": "has one queue"}

    def command(self, site: Site) -> Sequence[str]:
        """Our own hundred lines."""
        return [sys.executable, "-m", "benchmarks.started.floor", str(site.port)]

    def environment(self, site: Site) -> dict[str, str]:
        """Let it find this package, and its handlers their endpoint."""
        return {"PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": site.endpoint, "PATH": os.environ.get("PATH", "")}
