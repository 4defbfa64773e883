"""Lambda functions, run in worker processes as AWS's own runtime would run them."""

from millrace.local.workers.package_view import LayerMismatch
from millrace.local.workers.pool import Workers, WorkersClosed
from millrace.local.workers.spec import Confinement, Debugging, Developer, FunctionSpec, Outcome

__all__ = [
    "Confinement",
    "Debugging",
    "Developer",
    "FunctionSpec",
    "LayerMismatch",
    "Outcome",
    "Workers",
    "WorkersClosed",
]
