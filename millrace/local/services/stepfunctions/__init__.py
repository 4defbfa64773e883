"""AWS Step Functions."""

from millrace.local.services.stepfunctions.state_machines import StepFunctions

SERVICE = StepFunctions

__all__ = ["StepFunctions"]
