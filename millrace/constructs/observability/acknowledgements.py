"""Acknowledge findings of `millrace check`, cdk-nag, checkov, and cfn-lint where they occur."""

import re
from typing import Any

from aws_cdk import Acknowledgment, CfnResource, Stack, Stage, Validations
from constructs import IConstruct

from millrace.flow.checking import PLUGIN, names

OF_STACKS = "stack-quotas"
"""The check that has findings about a stack itself; an acknowledgement of it covers no construct of the stack."""
_CFN_LINT = re.compile(r"[EWI]\d{4}")
_MILLRACE = re.compile(r"[a-z]+(-[a-z]+)*")


class UnknownCheckError(LookupError):
    """An acknowledged check does not exist."""


def acknowledge(construct: IConstruct, reason: str, *findings: str) -> None:
    """Acknowledge findings at a construct, with a reason. Pass several if different tools report the same problem.

    The form of a name selects the tool: short-visibility (millrace), CKV_AWS_116 (checkov), W3005 (cfn-lint), and
    cdk-nag otherwise. Acknowledge a finding about an event at its class: `OrderPlaced.acknowledge(…)`.
    """
    for finding in findings:
        if finding.startswith("CKV"):
            _skip_checkov(_resource(construct, finding), finding, reason)
        elif _CFN_LINT.fullmatch(finding):
            _ignore_cfn_lint(_resource(construct, finding), finding, reason)
        elif _MILLRACE.fullmatch(finding):
            _acknowledge_check(construct, finding, reason)
        else:
            Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def _acknowledge_check(construct: IConstruct, check: str, reason: str) -> None:
    if check not in names():
        raise UnknownCheckError(f"millrace check has no check {check}: acknowledge one of {', '.join(names())}.")
    if isinstance(construct, Stack | Stage) and check != OF_STACKS:
        raise TypeError(f"{construct.node.path} is a whole stack or stage: acknowledge {check} at a single construct.")
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PLUGIN}::{check}", reason=reason))


def _resource(construct: IConstruct, finding: str) -> CfnResource:
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    if not isinstance(resource, CfnResource):
        raise TypeError(f"{construct.node.path} is not a resource: acknowledge {finding} at the resource that has it.")
    return resource


def _skip_checkov(resource: CfnResource, finding: str, reason: str) -> None:
    """https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html."""
    metadata: dict[str, Any] = resource.get_metadata("checkov") or {"skip": []}
    resource.add_metadata("checkov", {"skip": [*metadata["skip"], {"id": finding, "comment": reason}]})


def _ignore_cfn_lint(resource: CfnResource, finding: str, reason: str) -> None:
    """https://github.com/aws-cloudformation/cfn-lint#metadata. The reasons are for readers; cfn-lint ignores them."""
    metadata: dict[str, Any] = resource.get_metadata("cfn-lint") or {"config": {"ignore_checks": []}, "reasons": {}}
    ignored = [*metadata["config"]["ignore_checks"], finding]
    reasons = {**metadata["reasons"], finding: reason}
    resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ignored}, "reasons": reasons})
