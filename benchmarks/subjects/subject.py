"""Subjects: how to start and deploy them, and the running subject that measures use."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config

from benchmarks.environments import HOME
from benchmarks.processes import Watch, end, uninterrupted
from benchmarks.records import Records, UnfinishedError

REGION = "us-east-1"
START_PATIENCE = 90.0
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
# A second attempt, since a server may close an idle connection just when it is used again.
_LENIENT = Config(retries={"total_max_attempts": 2}, read_timeout=120, max_pool_connections=4)


class SubjectError(Exception):
    """A subject did not start, or ended during a measure."""


class Site:
    """The settings of one start: folder, ports and the handlers' file."""

    def __init__(self, name: str, rules: int) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=HOME))
        self.port, self.second_port, self.third_port, self.fourth_port = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.record = self.folder / "record"
        self.rules = rules

    def answers(self, path: str = "/") -> bool:
        """Return whether the endpoint responds to a GET with success."""
        try:
            with urlopen(self.endpoint + path, timeout=1) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (URLError, OSError):
            return False


class Subject(ABC):
    """A system that receives events and runs handlers. `lacks` names unsupported measures, with reasons."""

    name: str
    lacks: ClassVar[Mapping[str, str]] = {}

    def install(self) -> None:  # noqa: B027 - most steps are optional
        """Install the subject. Raises UnavailableError."""

    def prepare(self, site: Site) -> None:  # noqa: B027
        """Write its files. This is not timed."""

    @abstractmethod
    def command(self, site: Site) -> Sequence[str]:
        """Return the command that starts it."""

    def environment(self, _site: Site) -> dict[str, str]:
        """Return its environment variables, except the dummy keys."""
        return {}

    def is_up(self, site: Site) -> bool:
        """Return whether it accepts requests."""
        return site.answers()

    def deploy(self, cloud: "Cloud") -> None:  # noqa: B027
        """Deploy the stack, if the start has not."""

    def add_rules(self, cloud: "Cloud") -> None:  # noqa: B027
        """Add rules to the bus MANY, up to the site's number."""


class Cloud:
    """A running subject. Times are in seconds from the start of its process."""

    def __init__(self, subject: Subject, *, rules: int = 0, limit: int) -> None:
        self.subject = subject
        self.site = Site(subject.name.lower(), rules)
        subject.prepare(self.site)
        self.records = Records(self.site.record)
        self._clients: dict[str, Any] = {}
        with (self.site.folder / "log").open("wb") as log:
            self._began = time.monotonic()
            self._process = subprocess.Popen(
                subject.command(self.site),
                cwd=self.site.folder,
                env=_environment(self.site, subject.environment(self.site)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours: we end it in order
            )
        self.pid = self._process.pid
        self.watch = Watch(self.pid, limit)

    def make_ready(self) -> float:
        """Wait until it is up, and deploy. Return the seconds that this took. Raises SubjectError."""
        until = self._began + START_PATIENCE
        while not self.subject.is_up(self.site):
            self.check()
            if time.monotonic() > until:
                raise SubjectError(f"not up after {START_PATIENCE:g} s: {self._last_words()}")
            time.sleep(0.01)
        self.subject.deploy(self)
        return time.monotonic() - self._began

    def handle_first(self, entry: Mapping[str, Any]) -> float:
        """Put one event repeatedly until it is processed. Return the seconds from the start of the process."""
        until = time.monotonic() + START_PATIENCE
        while time.monotonic() < until:
            self.check()
            try:
                self.client("events").put_events(Entries=[entry])
                return self.records.wait("sink", ["first"], 1.0)[0] - self._began
            except (UnfinishedError, OSError):
                continue
        raise SubjectError(f"the first event was not handled: {self._last_words()}")

    def check(self) -> None:
        """Raise SubjectError if the process has ended."""
        if self.watch.over_limit:
            raise SubjectError("took too much memory, and was ended")
        if self._process.poll() is not None:
            raise SubjectError(f"ended with {self._process.returncode}: {self._last_words()}")

    def client(self, service: str) -> Any:
        """Return a boto3 client, with the same settings for every subject."""
        if service not in self._clients:
            session = boto3.Session("test", "test", region_name=REGION)
            self._clients[service] = session.client(service, endpoint_url=self.site.endpoint, config=_LENIENT)  # type: ignore[call-overload]
        return self._clients[service]

    def close(self) -> None:
        """End its processes and delete its files."""
        with uninterrupted():
            self.watch.stop()
            end(self._process)
        self.records.close()
        shutil.rmtree(self.site.folder, ignore_errors=True)

    def _last_words(self) -> str:
        lines = (self.site.folder / "log").read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[:400] or "no output"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _environment(site: Site, own: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
    return {**kept, **KEYS, "TMPDIR": str(site.folder), "BENCH_RECORD": str(site.record), **own}


def free_ports(count: int) -> list[int]:
    """Return free ports of the loopback interface."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
