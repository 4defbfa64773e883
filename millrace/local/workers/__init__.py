"""Lambda functions, run in worker processes as AWS's own runtime would run them."""

from millrace.local.workers.package_view import LayerMismatchError
from millrace.local.workers.pool import Workers, WorkersClosedError
from millrace.local.workers.spec import Confinement, Executor, FunctionSpec, Outcome

__all__ = ["Confinement", "Executor", "FunctionSpec", "LayerMismatchError", "Outcome", "Workers", "WorkersClosedError"]
