"""The project in which the command is run: its events and its assembly."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from millrace.events import Catalog
from millrace.flow import Assembly, Graph, read_graph
from millrace.local.cloudformation.synthesis import SynthesisError, synthesise

ASSEMBLY = Path(".millrace/cdk.out")


class WrongUse(Exception):
    """The command cannot do what it was asked to; the text says what to do instead."""


class Project:
    """A CDK app with its functions, in a folder."""

    def __init__(self, root: Path, assembly: Path) -> None:
        self.root = root
        self.assembly = root / assembly
        self.state = root / ".millrace"

    def synthesise(self, context: Mapping[str, str] = MappingProxyType({})) -> bool:
        """Bring the assembly up to date. False if it was."""
        try:
            return synthesise(self.root, self.assembly, context)
        except SynthesisError as error:
            raise WrongUse(str(error)) from error

    @cached_property
    def catalog(self) -> Catalog:
        """The project's events."""
        try:
            return Catalog.load("functions.contracts")
        except ModuleNotFoundError as error:
            raise WrongUse(f"{error}: the events of a project are the modules of functions/contracts.") from error

    @cached_property
    def templates(self) -> list[dict[str, Any]]:
        """The templates of the assembly, which is made where there is none."""
        if not (self.assembly / "manifest.json").exists():
            self.synthesise()
        return [json.loads(file.read_text()) for file in sorted(self.assembly.glob("*.template.json"))]

    @property
    def stacks(self) -> list[str]:
        """The names of the stacks of the assembly, which is made where there is none."""
        self.templates  # noqa: B018 - makes it
        return sorted(file.name.removesuffix(".template.json") for file in self.assembly.glob("*.template.json"))

    @cached_property
    def flow(self) -> Assembly:
        """The resources of the stacks as they are now, with the places that made them."""
        self.synthesise()
        return Assembly(self.assembly)

    def flow_as_it_was(self) -> str:
        """Let `flow` be the last one that was synthesised, where the app is refused now. Gives why it is."""
        try:
            self.synthesise()
        except WrongUse as refused:
            if not (self.assembly / "manifest.json").exists():
                raise
            self.flow = Assembly(self.assembly)
            return str(refused)
        return ""

    @cached_property
    def graph(self) -> Graph:
        """How events go through them."""
        return read_graph(self.flow, self.catalog, self.root)

    def bus(self) -> str:
        """The name of the one bus that the stacks make."""
        names = {
            resource["Properties"]["Name"]
            for template in self.templates
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::Events::EventBus"
        }
        if len(names) != 1:
            raise WrongUse(f"The stacks have {len(names)} buses ({', '.join(sorted(names))}): choose one with --bus.")
        return str(names.pop())

    def local_endpoint(self) -> str | None:
        """The endpoint of the local cloud that `millrace up` has noted here, whether it is still up or not."""
        return str(json.loads(self._up.read_text())["endpoint"]) if self._up.exists() else None

    @property
    def _up(self) -> Path:
        return self.state / "up.json"

    def is_up(self, endpoint: str) -> None:
        """Leave word of the local cloud that runs here."""
        self.state.mkdir(exist_ok=True)
        self._up.write_text(json.dumps({"endpoint": endpoint, "pid": os.getpid()}))

    def is_down(self) -> None:
        """Take that word back."""
        self._up.unlink(missing_ok=True)
