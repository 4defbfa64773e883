"""AWS Step Functions."""

from millrace.local.services.stepfunctions.service import StepFunctions

SERVICE = StepFunctions

__all__ = ["StepFunctions"]
