"""The services that tasks call.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
"""

from millrace.local.services.stepfunctions.interpreter.integrations.dispatch import ServiceIntegrations
from millrace.local.services.stepfunctions.interpreter.integrations.supported import unsupported

__all__ = ["ServiceIntegrations", "unsupported"]
