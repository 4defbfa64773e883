"""Deployed stacks: each resource of an assembly with its physical name."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from millrace.flow.assembly import Assembly, Resource
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud


class DeployedStacks:
    """The stacks of an assembly in a cloud."""

    def __init__(self, cloud: Cloud, assembly: Assembly) -> None:
        self.cloud = cloud
        self.assembly = assembly

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], str]:
        stacks = sorted({resource.stack for resource in self.assembly})
        return {(stack, logical): name for stack in stacks for logical, name in self._names_in(stack)}

    def _names_in(self, stack: str) -> list[tuple[str, str]]:
        cloudformation = self.cloud.client("cloudformation")
        try:
            pages = list(cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack))
        except cloudformation.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise UsageError(f"{self.cloud.name} has no stack {stack}: deploy it. ({error})") from error
        return [
            (resource["LogicalResourceId"], resource.get("PhysicalResourceId", ""))
            for page in pages
            for resource in page["StackResourceSummaries"]
        ]

    def name(self, resource: Resource) -> str:
        """The physical name of a resource: its name, URL or ARN."""
        name = self._names.get((resource.stack, resource.logical_id))
        if not name:
            raise UsageError(f"{self.cloud.name} has no {resource.path}: deploy the stack {resource.stack} again.")
        return name

    def of_kind(self, kind: str, *types: str) -> list[Resource]:
        """The resources of some types that the kit's constructs have marked with a kind."""
        return [each for each in self.assembly.of(*types) if each.facts.get("kind") == kind]

    def functions_of(self, construct: str) -> list[Resource]:
        """The functions of a construct, by its path."""
        return [each for each in self.assembly.of("Lambda::Function") if each.facts.get("construct") == construct]

    def log_groups(self, functions: list[Resource]) -> list[str]:
        """The log groups of functions."""
        groups: list[Any] = [each.properties.get("LoggingConfig", {}).get("LogGroup") for each in functions]
        found = (self.assembly.named(group, each) for group, each in zip(groups, functions, strict=True) if group)
        return [self.name(group) for group in found if group]
