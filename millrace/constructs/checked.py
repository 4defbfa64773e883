"""The checks of the flow, as part of each synth: a finding stops it."""

from pathlib import Path
from typing import cast

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Validations,
)
from constructs import Construct

from millrace.constructs.declared import contracts, project
from millrace.flow.checking import PLUGIN, findings, names, read_system
from millrace.flow.findings import Finding
from millrace.flow.report import details

CONTEXT = "millrace:check"
"""Set to "no", it leaves the checks out, for a test that synthesises a part of an app."""


class Checks(Construct):
    """Registers the checks with the app, once, however many buses there are."""

    @classmethod
    def of(cls, scope: Construct) -> None:
        """See that the app around a construct is checked."""
        app = scope.node.root
        if app.node.try_find_child("MillraceChecks") is None and scope.node.try_get_context(CONTEXT) != "no":
            cls(cast("Construct", app), "MillraceChecks")
            Validations.of(app).add_plugins(cast("IPolicyValidationPlugin", FlowChecks()))


@jsii.implements(IPolicyValidationPlugin)
class FlowChecks:
    """What CDK runs on the templates once they are written."""

    @property
    def name(self) -> str:
        """As it stands in CDK's report."""
        return PLUGIN

    @property
    def version(self) -> str | None:
        """None: CDK's report does without."""
        return None

    @property
    def rule_ids(self) -> list[str]:
        """The checks."""
        return names()

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Report what the checks find in the assembly that has just been written."""
        found = _found(_folder(Path(context.template_paths[0])))
        stack = context.stack_templates[0].stack_construct_path
        return PolicyValidationPluginReport(success=not found, violations=[_violation(each, stack) for each in found])


def _found(folder: Path) -> list[Finding]:
    return findings(read_system(folder, contracts(), project()))


def _folder(template: Path) -> Path:
    """The folder of the whole assembly: a stage's lies within."""
    folders = [folder for folder in template.parents if (folder / "manifest.json").is_file()]
    return folders[-1]


def _violation(found: Finding, stack: str) -> PolicyViolation:
    """A finding as CDK's report has it, which shows what lies in a stack: an event is given the first one.

    All are errors: CDK lets a synth pass whose only findings are warnings.
    """
    place = found.subject if found.resources else stack
    return PolicyViolation(
        rule_name=found.check,
        description="\n".join([found.message, *details(found)]),
        fix=found.fix,
        severity="error",
        violating_resources=[PolicyViolatingResource(construct_path=place, locations=[])],
    )
