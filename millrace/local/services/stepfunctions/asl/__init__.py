"""The Amazon States Language: moto's interpreter, on the clock and the scheduler of the local cloud.

moto parses a definition and evaluates its states. What it leaves out or gets wrong, these modules add or change;
`millrace.local.services.stepfunctions.moto_changes` lists every change.
"""

import sys
from types import ModuleType


def _skip_batch() -> None:
    """Skip moto's integration with Batch: it imports all of EC2, which takes a second, and is not supported."""
    services = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service"
    module = ModuleType(f"{services}.state_task_service_batch")
    module.StateTaskServiceBatch = None  # type: ignore[attr-defined]
    sys.modules.setdefault(module.__name__, module)


_skip_batch()  # before any module here imports the interpreter
