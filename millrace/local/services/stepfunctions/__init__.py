"""AWS Step Functions."""

from millrace.local.services.stepfunctions.mocks import Mock, Mocks, Return, Throw
from millrace.local.services.stepfunctions.service import StepFunctions

SERVICE = StepFunctions

__all__ = ["Mock", "Mocks", "Return", "StepFunctions", "Throw"]
