"""The project in the current folder: its events and its assembly."""

import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from millrace.cli.settings import STAGE, context
from millrace.events import Catalog
from millrace.flow import Assembly, Graph, read_graph
from millrace.local.cloudformation.synthesis import INPUTS, SynthesisError, synthesise
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks

ASSEMBLY = Path(".millrace/cdk.out")
_LOCAL = ("123456789012", "us-east-1")
"""The account and region of `millrace up`."""


class Project:
    """A CDK app with its functions, in a folder."""

    def __init__(self, root: Path, assembly: Path, context: Mapping[str, str] = MappingProxyType({})) -> None:
        self.root = root
        self.context = context
        self.assembly = root / assembly
        self.state = root / ".millrace"

    @classmethod
    def here(cls) -> "Project":
        """The project in the current folder, with the stage and the context of the command."""
        given = context()
        stage = given.get(STAGE, "")
        return cls(Path.cwd(), ASSEMBLY.with_name(f"cdk.{stage}.out") if stage else ASSEMBLY, given)

    def synthesise(self) -> bool:
        """Bring the assembly up to date. False if it already was."""
        try:
            return synthesise(self.root, self.assembly, self.context)
        except SynthesisError as error:
            failed = UsageError(str(error))
            failed.details = error.details
            raise failed from error

    @property
    def inputs(self) -> list[Path]:
        """The files and folders from which the assembly is made."""
        return [self.root / name for name in INPUTS if (self.root / name).exists()]

    @cached_property
    def catalog(self) -> Catalog:
        """The project's events."""
        try:
            return Catalog.load("functions.contracts")
        except ModuleNotFoundError as error:
            if error.name not in ("functions", "functions.contracts"):
                raise
            raise UsageError(
                f"{self.root} has no events: they are the modules of functions/contracts. Run millrace in a project."
            ) from error

    @cached_property
    def templates(self) -> list[dict[str, Any]]:
        """The templates of the assembly. It is synthesised if there is none."""
        if not (self.assembly / "manifest.json").exists():
            self.synthesise()
        return [json.loads(file.read_text()) for file in sorted(self.assembly.glob("*.template.json"))]

    @property
    def stacks(self) -> list[str]:
        """The names of the stacks of the assembly. It is synthesised if there is none."""
        self.templates  # noqa: B018 - synthesises
        return sorted(file.name.removesuffix(".template.json") for file in self.assembly.glob("*.template.json"))

    @cached_property
    def flow(self) -> Assembly:
        """The resources of the stacks as they are now."""
        self.synthesise()
        return Assembly(self.assembly)

    def use_last_flow(self) -> str:
        """If the app cannot be synthesised, let `flow` be the last assembly. Returns the error, or an empty text."""
        try:
            self.synthesise()
        except UsageError as error:
            if not (self.assembly / "manifest.json").exists():
                raise
            self.flow = Assembly(self.assembly)
            return str(error)
        return ""

    @cached_property
    def graph(self) -> Graph:
        """The flow of events through the stacks."""
        return read_graph(self.flow, self.catalog, self.root)

    def bus(self) -> str:
        """The name of the only bus of the stacks."""
        names = {
            resource["Properties"]["Name"]
            for template in self.templates
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::Events::EventBus"
        }
        if len(names) != 1:
            raise UsageError(f"The stacks have {len(names)} buses ({', '.join(sorted(names))}): choose one with --bus.")
        return str(names.pop())

    def deployed(self, cloud: Cloud) -> DeployedStacks:
        """The stacks in a cloud. The assembly is synthesised if there is none."""
        self.templates  # noqa: B018 - synthesises
        return DeployedStacks(cloud, Assembly(self.assembly))

    def write(self, file: Path, text: str) -> None:
        """Write a file that the user has named."""
        try:
            file.write_text(text)
        except OSError as error:
            raise UsageError(f"Cannot write {file}: {error.strerror}.") from error

    def noted_cloud(self) -> Cloud | None:
        """The local cloud that `millrace up` has started here. It may have ended since."""
        if not self._up.exists():
            return None
        noted = json.loads(self._up.read_text())
        return Cloud(noted["endpoint"], noted.get("key", "test"), noted.get("secret", "test"))

    @property
    def _up(self) -> Path:
        return self.state / "up.json"

    def is_up(self, environment: Mapping[str, str]) -> None:
        """Note which local cloud runs here, and its access key, in a file that only its owner can read."""
        self.state.mkdir(exist_ok=True)
        self._up.unlink(missing_ok=True)
        key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        noted = {"endpoint": environment["AWS_ENDPOINT_URL"], "pid": os.getpid(), "key": key, "secret": secret}
        with open(os.open(self._up, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - with a mode
            json.dump(noted, file)

    def is_down(self) -> None:
        """Delete that note."""
        self._up.unlink(missing_ok=True)


class TemplateProject(Project):
    """A template of AWS SAM or CloudFormation. Its assembly is written anew on each change."""

    def __init__(self, template: Path, parameters: Mapping[str, str]) -> None:
        super().__init__(Path.cwd(), ASSEMBLY.with_name("template.out"))
        self._template = template.resolve()
        self._parameters = parameters

    @property
    def inputs(self) -> list[Path]:
        """The template, and the code that it names."""
        from millrace.local.cloudformation.sam import inputs_of

        return inputs_of(self._template)

    def synthesise(self) -> bool:
        """Write the assembly."""
        from millrace.local.cloudformation.assembly import AssemblyError
        from millrace.local.cloudformation.sam import write_assembly

        try:
            write_assembly(self._template, self.assembly, _LOCAL, self._parameters)
        except AssemblyError as error:
            raise UsageError(str(error)) from error
        return True
