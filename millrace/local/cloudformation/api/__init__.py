"""CloudFormation's API over the registry and the rollout of the loader, for the CDK CLI and any SDK."""

from millrace.local.cloudformation.api.service import CloudFormation

__all__ = ["CloudFormation"]
