"""The Amazon States Language: moto's interpreter, on the clock and the agenda of the local cloud.

moto parses a definition and evaluates its states. What it leaves out or gets wrong, these modules add or change;
`millrace.local.services.stepfunctions.moto_changes` lists every change.
"""

import sys
from types import ModuleType


def _leave_out_batch() -> None:
    """moto's integration with Batch imports all of EC2, a second for what is refused here."""
    services = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service"
    left_out = ModuleType(f"{services}.state_task_service_batch")
    left_out.StateTaskServiceBatch = None  # type: ignore[attr-defined]
    sys.modules.setdefault(left_out.__name__, left_out)


_leave_out_batch()  # before any module here imports the interpreter
