"""Where a command goes: to the local cloud, and to AWS only with `--aws`."""

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import urlsplit

from millrace.cli import console
from millrace.cli.project import Project, WrongUse

_SECONDS = 30
_ENDPOINT = "AWS_ENDPOINT_URL"
_NO_CLOUD = "Start one with `millrace up`, or pass --aws to go to AWS."
_INVALID_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AuthFailure",
)


@dataclass(frozen=True)
class Cloud:
    """The local cloud at `endpoint`, or AWS where that is None. `key` and `secret` sign for the local cloud."""

    endpoint: str | None
    key: str = "test"
    secret: str = field(default="test", repr=False)

    @property
    def is_local(self) -> bool:
        """Whether this is a local cloud."""
        return self.endpoint is not None

    @property
    def name(self) -> str:
        """Its name for a person."""
        return f"the local cloud at {self.endpoint}" if self.endpoint else "AWS"

    def client(self, service: str) -> Any:
        """A boto3 client. That of AWS takes the credentials of the shell.

        Raises WrongUse where the AWS configuration leads a client of AWS to this machine:
        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        import boto3  # noqa: PLC0415 - a second that `--help` need not cost

        if self.endpoint is None:
            client = boto3.client(cast("Any", service))
            if is_on_this_machine(client.meta.endpoint_url):
                url = client.meta.endpoint_url
                raise WrongUse(f"The AWS configuration leads {service} to {url}, on this machine: remove it for --aws.")
            return client
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
        """The time there, in seconds since 1970: a local cloud skips idle time."""
        return float(self.ask("now")) if self.is_local else time.time()

    def answers(self) -> bool:
        """Whether this is a local cloud that is up."""
        try:
            return self.is_local and bool(self.ask("health") == {"millrace": "up"})
        except (URLError, OSError, ValueError):
            return False


@dataclass(frozen=True)
class Target:
    """Where a command goes, as its options `--aws` and `--yes` choose."""

    aws: bool = False
    yes: bool = False

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> "Target":
        """The target that the options of a command choose."""
        return cls(chosen.aws, getattr(chosen, "yes", False))

    def cloud(self, project: Project, *, changes: bool = False) -> Cloud:
        """The cloud that the command goes to. Calls no API of AWS.

        Raises WrongUse where no local cloud is up and `--aws` is missing, where an endpoint in the environment
        contradicts the options, and where a command that `changes` AWS can be confirmed by no `--yes` and no terminal.
        """
        if not self.aws:
            return _local(project, os.environ.get(_ENDPOINT, ""))
        for name, url in _endpoints(os.environ):
            if is_on_this_machine(url):
                raise WrongUse(f"{name} is {url}, on this machine: unset it for --aws, or leave --aws out.")
        if changes and not self.yes and not console.has_person():
            raise WrongUse("This would change resources on AWS, and there is no terminal to confirm it at: pass --yes.")
        return Cloud(None)

    def confirm(self, project: Project, cloud: Cloud, action: str, *, locally: bool = False) -> None:
        """Name the account, region and stacks of AWS, and have a person confirm an action there.

        With `locally`, an action in the local cloud needs it, too. Raises WrongUse unless the answer is yes.
        """
        if self.aws:
            console.say(_account(project, cloud))
        if self.yes or not (self.aws or locally):
            return
        if not console.has_person() or console.prompt(f"{action}? [yes/no]") != "yes":
            raise WrongUse("Nothing was changed: answer yes, or pass --yes.")


def add_options(parser: argparse.ArgumentParser, *, changes: bool = False) -> None:
    """Add the options that choose a target: `--aws`, and `--yes` for a command that changes something."""
    parser.add_argument("--aws", action="store_true", help="go to AWS, with the credentials of the shell")
    if changes:
        parser.add_argument("--yes", action="store_true", help="confirm without a question")


def local_cloud(project: Project) -> Cloud | None:
    """The local cloud that `millrace up` has started in the project and that still answers."""
    cloud = _started(project)
    return cloud if cloud and cloud.answers() else None


def _started(project: Project) -> Cloud | None:
    """The local cloud that `millrace up` has started in the project, up or not; its key goes to loopback only."""
    known = project.local_endpoint()
    if known is None or not is_on_this_machine(known["endpoint"]):
        return None
    return Cloud(known["endpoint"], known.get("key", "test"), known.get("secret", "test"))


def is_on_this_machine(url: str) -> bool:
    """Whether a URL leads to a loopback address, or to the unspecified one, which leads there, too."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def explained(error: Exception) -> str | None:
    """The line that explains an error of AWS, of its credentials or of the connection. None for any other error."""
    if "botocore" not in sys.modules:
        return None
    from botocore import exceptions as aws  # noqa: PLC0415 - loaded by now, where the error is one of its own

    if isinstance(error, aws.ClientError):
        code = error.response.get("Error", {}).get("Code")
        return f"{_sentence(error)} Renew your credentials." if code in _INVALID_CREDENTIALS else str(error)
    credentials = (
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.CredentialRetrievalError,
        aws.TokenRetrievalError,
        aws.SSOError,
        aws.ProfileNotFound,
        aws.NoRegionError,
    )
    if isinstance(error, credentials):
        return f"{_sentence(error)} Set up the AWS credentials and region of this shell: aws configure."
    return str(error) if isinstance(error, aws.HTTPClientError) else None


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".") + "."


def _local(project: Project, url: str) -> Cloud:
    """The local cloud at `url`, the value of AWS_ENDPOINT_URL, or without one that of the project."""
    if url and not is_on_this_machine(url):
        raise WrongUse(f"{_ENDPOINT} is {url}, which is not a loopback address: unset it, or pass --aws.")
    started, endpoint = _started(project), url.rstrip("/")
    here = started if started and started.endpoint == endpoint else Cloud(endpoint)
    cloud = here if url else local_cloud(project)
    if cloud is None:
        raise WrongUse(f"No local cloud is up here. {_NO_CLOUD}")
    if not cloud.answers():
        raise WrongUse(f"No local cloud answers at {_ENDPOINT}={url}. {_NO_CLOUD}")
    return cloud


def _endpoints(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The endpoints that the environment sets for all services, or for one (AWS_ENDPOINT_URL_EVENTS)."""
    return sorted((name, url) for name, url in environment.items() if name.startswith(_ENDPOINT) and url)


def _account(project: Project, cloud: Cloud) -> str:
    sts = cloud.client("sts")
    caller = sts.get_caller_identity()
    elsewhere = "".join(f", {name}={url}" for name, url in _endpoints(os.environ))
    stacks = ", ".join(project.stacks)
    return (
        f"AWS account {caller['Account']} ({caller['Arn']}), region {sts.meta.region_name}, stack {stacks}{elsewhere}"
    )
