"""What is measured: Millrace, its peers and the bare floor, each as a process behind an endpoint."""

from benchmarks.subjects.floor import Floor
from benchmarks.subjects.millrace import Millrace
from benchmarks.subjects.ministack import MiniStack
from benchmarks.subjects.serverless import ServerlessOffline
from benchmarks.subjects.subject import Cloud, Subject

__all__ = ["Cloud", "Floor", "Millrace", "MiniStack", "ServerlessOffline", "Subject", "subjects"]


def subjects() -> list[Subject]:
    """Everything that is measured, Millrace first."""
    return [Millrace(), MiniStack(), ServerlessOffline(), Floor()]
