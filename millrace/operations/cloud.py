"""The local cloud or AWS, and which of the two a command goes to."""

import json
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

from millrace.operations import UsageError

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


class LocalCloudError(Exception):
    """A local cloud that stopped answering."""


@dataclass(frozen=True)
class Cloud:
    """The local cloud at `endpoint`, or AWS if that is None. `key` and `secret` sign for the local cloud."""

    endpoint: str | None
    key: str = "test"
    secret: str = field(default="test", repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_local(self) -> bool:
        """Whether this is a local cloud."""
        return self.endpoint is not None

    @property
    def name(self) -> str:
        """Its name for a person."""
        return f"the local cloud at {self.endpoint}" if self.endpoint else "AWS"

    def client(self, service: str) -> Any:
        """The boto3 client of a service. On AWS it uses the credentials of the shell.

        Raises UsageError if the AWS configuration leads a client of AWS to this machine:
        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        if service not in self._clients:
            self._clients[service] = self._new_client(service)
        return self._clients[service]

    def _new_client(self, service: str) -> Any:
        import boto3  # noqa: PLC0415 - takes a second, which `millrace --help` does not need

        if self.endpoint is None:
            client = boto3.client(cast("Any", service))
            if is_on_this_machine(client.meta.endpoint_url):
                url = client.meta.endpoint_url
                raise UsageError(
                    f"The AWS configuration leads {service} to {url}, on this machine: remove it for --aws."
                )
            return client
        return boto3.client(
            cast("Any", service),
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def call(self, path: str, method: str = "GET", *, timeout: float = 0) -> Any:
        """Call the local cloud's own interface. `timeout` is how many seconds the work may take."""
        headers = {"x-millrace": self.secret}
        request = urllib.request.Request(f"{self.endpoint}/_millrace/{path}", method=method, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS + timeout) as response:  # noqa: S310 - a loopback address
                return json.load(response)
        except (OSError, HTTPException) as error:
            raise LocalCloudError(f"{self.name} does not answer ({error}). Start it again: millrace up") from error

    def now(self) -> float:
        """The time there, in seconds since 1970: a local cloud skips idle time."""
        return float(self.call("now")) if self.is_local else time.time()

    def answers(self) -> bool:
        """Whether this is a local cloud that is up."""
        try:
            return self.is_local and bool(self.call("health") == {"millrace": "up"})
        except (LocalCloudError, ValueError):
            return False


def local_cloud(noted: Cloud | None) -> Cloud | None:
    """The local cloud that a project has noted, if it still answers. Its secret is sent to loopback addresses only."""
    on_loopback = noted is not None and is_on_this_machine(noted.endpoint or "")
    return noted if noted and on_loopback and noted.answers() else None


def choose_local(noted: Cloud | None, environment: Mapping[str, str]) -> Cloud:
    """The local cloud at AWS_ENDPOINT_URL or, without one, that of the project. Raises UsageError if none is up."""
    url = environment.get(_ENDPOINT, "")
    if url and not is_on_this_machine(url):
        raise UsageError(f"{_ENDPOINT} is {url}, which is not a loopback address: unset it, or pass --aws.")
    endpoint = url.rstrip("/")
    named = noted if noted and noted.endpoint == endpoint else Cloud(endpoint)
    cloud = named if url else local_cloud(noted)
    if cloud is None:
        raise UsageError(f"No local cloud is up here. {_NO_CLOUD}")
    if not cloud.answers():
        raise UsageError(f"No local cloud answers at {_ENDPOINT}={url}. {_NO_CLOUD}")
    return cloud


def choose_aws(environment: Mapping[str, str]) -> Cloud:
    """AWS. Raises UsageError if an endpoint in the environment leads to this machine. Calls no API of AWS."""
    for name, url in _endpoints(environment):
        if is_on_this_machine(url):
            raise UsageError(f"{name} is {url}, on this machine: unset it for --aws, or leave --aws out.")
    return Cloud(None)


def account(cloud: Cloud, environment: Mapping[str, str]) -> str:
    """The account, caller, region and endpoints of AWS, in one line."""
    sts = cloud.client("sts")
    caller = sts.get_caller_identity()
    endpoints = "".join(f", {name}={url}" for name, url in _endpoints(environment))
    return f"AWS account {caller['Account']} ({caller['Arn']}), region {sts.meta.region_name}{endpoints}"


def _endpoints(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The endpoints that the environment sets for all services, or for one (AWS_ENDPOINT_URL_EVENTS)."""
    return sorted((name, url) for name, url in environment.items() if name.startswith(_ENDPOINT) and url)


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
    """The line that explains an error of AWS, of credentials or of the connection. None for any other error."""
    if isinstance(error, LocalCloudError):
        return str(error)
    if "botocore" not in sys.modules:
        return None
    from botocore import exceptions as aws  # noqa: PLC0415 - takes half a second

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
