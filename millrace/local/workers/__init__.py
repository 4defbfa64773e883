"""Lambda functions, run in worker processes as AWS's own runtime would run them."""

from millrace.local.workers.package_view import LayerMismatchError
from millrace.local.workers.pool import Workers, WorkersClosedError
from millrace.local.workers.spec import Confinement, Debugging, Developer, Executor, FunctionSpec, Outcome
from millrace.local.workers.worker import new_trace_id

__all__ = [
    "Confinement",
    "Debugging",
    "Developer",
    "Executor",
    "FunctionSpec",
    "LayerMismatchError",
    "Outcome",
    "Workers",
    "WorkersClosedError",
    "new_trace_id",
]
