"""The services that tasks call.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from millrace.local.services.stepfunctions.interpreter.integrations.dispatch import ServiceIntegrations, not_run

__all__ = ["ServiceIntegrations", "not_run"]
