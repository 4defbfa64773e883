"""Run the flow checks at each synth; a finding fails it."""

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

from millrace.constructs.function.project import contracts, project
from millrace.flow.checking import PLUGIN, findings, names, read_system, stops_synth
from millrace.flow.findings import Finding
from millrace.flow.report import details

CONTEXT = "millrace:check"
"""Context key. "no" disables the checks, for tests that synthesize a part of an app."""


class Checks(Construct):
    """Registers the checks with the app once, even if it has several buses."""

    @classmethod
    def of(cls, scope: Construct) -> None:
        """Register the checks with the app of a construct."""
        app = scope.node.root
        if app.node.try_find_child("MillraceChecks") is None and scope.node.try_get_context(CONTEXT) != "no":
            cls(cast("Construct", app), "MillraceChecks")
            Validations.of(app).add_plugins(cast("IPolicyValidationPlugin", FlowChecks()))


@jsii.implements(IPolicyValidationPlugin)
class FlowChecks:
    """The validation plugin that CDK runs on the synthesized templates."""

    @property
    def name(self) -> str:
        """The name in CDK's report."""
        return PLUGIN

    @property
    def version(self) -> str | None:
        """None: optional in CDK's report."""
        return None

    @property
    def rule_ids(self) -> list[str]:
        """The names of the checks."""
        return names()

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Report the findings in the synthesized assembly."""
        found = _found(_folder(Path(context.template_paths[0])))
        stack = context.stack_templates[0].stack_construct_path
        return PolicyValidationPluginReport(
            success=not any(map(stops_synth, found)), violations=[_violation(each, stack) for each in found]
        )


def _found(folder: Path) -> list[Finding]:
    return findings(read_system(folder, contracts(), project()))


def _folder(template: Path) -> Path:
    """Return the folder of the outermost assembly; the assembly of a stage is nested in it."""
    return [folder for folder in template.parents if (folder / "manifest.json").is_file()][-1]


def _violation(found: Finding, stack: str) -> PolicyViolation:
    """Convert a finding; one about an event is reported at a stack, because CDK's report only shows constructs.

    All are errors, because CDK does not fail a synth for warnings.
    """
    path = found.subject if found.resources else stack
    return PolicyViolation(
        rule_name=found.check,
        description="\n".join([found.message, *details(found)]),
        fix=found.fix,
        severity="error",
        violating_resources=[PolicyViolatingResource(construct_path=path, locations=[])],
    )
