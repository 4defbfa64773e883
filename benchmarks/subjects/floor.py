"""The floor: a minimal HTTP endpoint and two warm workers over pipes. Only its calls look like AWS."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from benchmarks.subjects.millrace import ROOT
from benchmarks.subjects.subject import Site, Subject


class Floor(Subject):
    """About the least that Python can take: no rules, retries, logs or isolation."""

    name = "floor"
    lacks: ClassVar[Mapping[str, str]] = {"rules": "has no rules", "fairness": "has one queue"}

    def command(self, site: Site) -> Sequence[str]:
        """Return the command of the floor."""
        return [sys.executable, "-m", "benchmarks.started.floor", str(site.port)]

    def environment(self, site: Site) -> dict[str, str]:
        """Return the path of this package and the endpoint for handlers."""
        return {"PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": site.endpoint, "PATH": os.environ.get("PATH", "")}
