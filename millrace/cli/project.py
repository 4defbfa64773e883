"""The project in which the command is run: its events, its assembly, and the cloud it talks to."""

import json
import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.error import URLError

from millrace.events import Catalog
from millrace.flow import Assembly, Graph, read_graph
from millrace.local.synthesis import SynthesisFailed, synthesise

ASSEMBLY = Path(".millrace/cdk.out")
_SECONDS = 30


class WrongUse(Exception):
    """The command cannot do what it was asked to; the text says what to do instead."""


@dataclass(frozen=True)
class Cloud:
    """Where commands go: the local cloud, if `endpoint` is one, else AWS.

    `key` and `secret` sign for the local cloud.
    """

    endpoint: str | None
    key: str = "test"
    secret: str = field(default="test", repr=False)

    @property
    def name(self) -> str:
        """Where this is, for a person."""
        return f"the local cloud at {self.endpoint}" if self.endpoint else "AWS"

    def client(self, service: str) -> Any:
        """A boto3 client; AWS's takes the machine's own credentials."""
        import boto3  # noqa: PLC0415 - a second that `--help` need not cost

        if self.endpoint is None:
            return boto3.client(cast("Any", service))
        return boto3.client(
            cast("Any", service),
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def ask(self, path: str, method: str = "GET", *, patience: float = 0) -> Any:
        """Call the local cloud's own interface. Raises URLError if nothing answers."""
        headers = {"x-millrace": self.secret}
        request = urllib.request.Request(f"{self.endpoint}/_millrace/{path}", method=method, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_SECONDS + patience) as answer:  # noqa: S310 - a loopback address
            return json.load(answer)

    def now(self) -> float:
        """The time there, in seconds since 1970: a local cloud leaps over what nobody waits for."""
        return float(self.ask("now")) if self.answers() else time.time()

    def answers(self) -> bool:
        """Whether this is a local cloud that is up."""
        try:
            return bool(self.ask("health") == {"millrace": "up"})
        except (URLError, OSError, ValueError):
            return False


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
        except SynthesisFailed as error:
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

    def cloud(self) -> Cloud:
        """AWS_ENDPOINT_URL's cloud, or the local one that runs here, or AWS."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
        started = self._started()
        if endpoint:
            return started if started and started.endpoint == endpoint else Cloud(endpoint)
        return self.local_cloud() or Cloud(None)

    def local_cloud(self) -> Cloud | None:
        """The local cloud that `millrace up` has started here and that still answers."""
        cloud = self._started()
        return cloud if cloud and cloud.answers() else None

    def _started(self) -> Cloud | None:
        """The local cloud that `millrace up` has started here, and has not ended by itself."""
        if not self._up.exists():
            return None
        known = json.loads(self._up.read_text())
        return Cloud(known["endpoint"], known["key"], known["secret"])

    @property
    def _up(self) -> Path:
        return self.state / "up.json"

    def is_up(self, environment: Mapping[str, str]) -> None:
        """Write down which local cloud runs here, and its access key, in a file that nobody else can read."""
        self.state.mkdir(exist_ok=True)
        self._up.unlink(missing_ok=True)
        key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        known = {"endpoint": environment["AWS_ENDPOINT_URL"], "pid": os.getpid(), "key": key, "secret": secret}
        with open(os.open(self._up, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - with a mode
            json.dump(known, file)

    def is_down(self) -> None:
        """Take that word back."""
        self._up.unlink(missing_ok=True)
