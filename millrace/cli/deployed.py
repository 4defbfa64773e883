"""What is deployed: each resource of the project's assembly, with the name that it was given."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from millrace.cli.project import Project, WrongUse
from millrace.cli.target import Cloud
from millrace.flow.assembly import Assembly, Resource


class Deployed:
    """The project's stacks in a cloud."""

    def __init__(self, project: Project, cloud: Cloud) -> None:
        project.templates  # noqa: B018 - the assembly is made where there is none
        self.cloud = cloud
        self.assembly = Assembly(project.assembly)

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], str]:
        stacks = sorted({resource.stack for resource in self.assembly})
        return {(stack, logical): name for stack in stacks for logical, name in self._named(stack)}

    def _named(self, stack: str) -> list[tuple[str, str]]:
        formation = self.cloud.client("cloudformation")
        try:
            pages = list(formation.get_paginator("list_stack_resources").paginate(StackName=stack))
        except formation.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise WrongUse(f"{self.cloud.name} has no stack {stack}: deploy it. ({error})") from error
        return [
            (told["LogicalResourceId"], told.get("PhysicalResourceId", ""))
            for page in pages
            for told in page["StackResourceSummaries"]
        ]

    def name(self, resource: Resource) -> str:
        """The name, URL or ARN that a resource was given."""
        known = self._names.get((resource.stack, resource.logical_id))
        if not known:
            raise WrongUse(f"{self.cloud.name} has no {resource.path}: deploy the stack {resource.stack} again.")
        return known

    def functions_of(self, construct: str) -> list[Resource]:
        """The functions of a construct, by its path."""
        return [each for each in self.assembly.of("Lambda::Function") if each.facts.get("construct") == construct]

    def log_groups(self, functions: list[Resource]) -> list[str]:
        """Where functions write their logs."""
        groups: list[Any] = [each.properties.get("LoggingConfig", {}).get("LogGroup") for each in functions]
        found = (self.assembly.named(group, near) for group, near in zip(groups, functions, strict=True) if group)
        return [self.name(group) for group in found if group]
