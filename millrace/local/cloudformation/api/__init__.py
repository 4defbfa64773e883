"""CloudFormation's API, for the CDK CLI and AWS's SDKs."""

from millrace.local.cloudformation.api.service import CloudFormation

__all__ = ["CloudFormation"]
