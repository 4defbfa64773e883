"""Findings of `millrace check`, cdk-nag, checkov and cfn-lint that stay, each where it is found, with the reason."""

import re
from typing import Any

from aws_cdk import Acknowledgment, CfnResource, Stack, Stage, Validations
from constructs import IConstruct

from millrace.flow.checking import PLUGIN, names

_CFN_LINT = re.compile(r"[EWI]\d{4}")
_MILLRACE = re.compile(r"[a-z]+(-[a-z]+)*")


class UnknownCheck(LookupError):
    """An acknowledgement of a check that there is not."""


def acknowledge(construct: IConstruct, reason: str, *findings: str) -> None:
    """Let a finding stay at a construct, and say why. Several only where the tools have a name each for one thing.

    Which tool is meant is told by the name: millrace's short-visibility, checkov's CKV_AWS_116, cfn-lint's W3005, else
    cdk-nag's. A finding about an event is acknowledged by its class: `OrderPlaced.acknowledge(…)`.
    """
    for finding in findings:
        if finding.startswith("CKV"):
            _skip(_resource(construct, finding), finding, reason)
        elif _CFN_LINT.fullmatch(finding):
            _ignore(_resource(construct, finding), finding, reason)
        elif _MILLRACE.fullmatch(finding):
            _let_stand(construct, finding, reason)
        else:
            Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def _let_stand(construct: IConstruct, check: str, reason: str) -> None:
    """One finding at a time: a whole stack is no place to acknowledge anything at."""
    if check not in names():
        raise UnknownCheck(f"millrace check has no {check}, only {', '.join(names())}: acknowledge one of those.")
    if isinstance(construct, Stack | Stage):
        raise TypeError(f"{construct.node.path} holds much else: acknowledge {check} at the construct that has it.")
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PLUGIN}::{check}", reason=reason))


def _resource(construct: IConstruct, finding: str) -> CfnResource:
    found = construct if isinstance(construct, CfnResource) else construct.node.default_child
    if not isinstance(found, CfnResource):
        raise TypeError(f"{construct.node.path} is no resource: acknowledge {finding} at the resource that has it.")
    return found


def _skip(resource: CfnResource, finding: str, reason: str) -> None:
    """https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html."""
    known: dict[str, Any] = resource.get_metadata("checkov") or {"skip": []}
    resource.add_metadata("checkov", {"skip": [*known["skip"], {"id": finding, "comment": reason}]})


def _ignore(resource: CfnResource, finding: str, reason: str) -> None:
    """https://github.com/aws-cloudformation/cfn-lint#metadata; it reads no reasons, people do."""
    known: dict[str, Any] = resource.get_metadata("cfn-lint") or {"config": {"ignore_checks": []}, "reasons": {}}
    ignored = [*known["config"]["ignore_checks"], finding]
    reasons = {**known["reasons"], finding: reason}
    resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ignored}, "reasons": reasons})
