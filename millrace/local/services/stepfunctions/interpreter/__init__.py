"""An interpreter of the Amazon States Language.

`definition` parses a definition once into frozen states; `expressions` evaluates JSONPath and JSONata. An `Execution`
runs the states as generators on the scheduler of the local cloud: each generator yields a `Pending` result and is
resumed when that result arrives. An execution has no thread, and no state outside of itself.
"""

from millrace.local.services.stepfunctions.interpreter.activities import Activities, ActivityTask
from millrace.local.services.stepfunctions.interpreter.environment import Call, Caller, Environment, Integrations
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.execution import Execution, Identity, Observer
from millrace.local.services.stepfunctions.interpreter.history import History, HistoryEvent
from millrace.local.services.stepfunctions.interpreter.map_run import MapRun
from millrace.local.services.stepfunctions.interpreter.pending import Pending
from millrace.local.services.stepfunctions.interpreter.probe import Probe
from millrace.local.services.stepfunctions.interpreter.tokens import TaskTokens

__all__ = [
    "Activities",
    "ActivityTask",
    "Call",
    "Caller",
    "Environment",
    "Execution",
    "History",
    "HistoryEvent",
    "Identity",
    "Integrations",
    "MapRun",
    "Observer",
    "Pending",
    "Probe",
    "StateError",
    "TaskTokens",
]
