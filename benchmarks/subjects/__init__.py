"""The subjects of the benchmark: Millrace, its peers and the floor, each a process with an endpoint."""

from benchmarks.subjects.floor import Floor
from benchmarks.subjects.millrace import Millrace
from benchmarks.subjects.ministack import MiniStack
from benchmarks.subjects.serverless import ServerlessOffline
from benchmarks.subjects.subject import Cloud, Subject

__all__ = ["Cloud", "Floor", "Millrace", "MiniStack", "ServerlessOffline", "Subject", "subjects"]


def subjects() -> list[Subject]:
    """Return all subjects, Millrace first."""
    return [Millrace(), MiniStack(), ServerlessOffline(), Floor()]
