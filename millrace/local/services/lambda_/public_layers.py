"""Public layers of other accounts: Powertools for AWS Lambda (Python), made of the installed packages.

https://docs.aws.amazon.com/powertools/python/latest/getting-started/install/
"""

import base64
import io
import re
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

_POWERTOOLS = re.compile(r"arn:aws[^:]*:lambda:[^:]+:017000801446:layer:(AWSLambdaPowertoolsPythonV3-[\w-]+):(\d+)")
_PACKAGES = ("aws-lambda-powertools", "pydantic", "aws-xray-sdk", "fastjsonschema")
_IN_RUNTIME = frozenset({"boto3", "botocore", "s3transfer"})
"""Packages that AWS's runtime brings."""


class UnknownPublicLayerError(LookupError):
    """A layer of another account that the local cloud cannot provide."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"The local cloud has no layer {arn}. Of other accounts it provides Powertools for Python, version 3. "
            "Publish the layer's content in your own stack, or install its packages into the function."
        )


def public_layer(arn: str) -> Any:
    """Return moto's layer version for an ARN. Raises UnknownPublicLayerError."""
    from moto.awslambda.models import LayerVersion

    found = _POWERTOOLS.fullmatch(arn)
    if found is None:
        raise UnknownPublicLayerError(arn)
    try:
        content = _powertools()
    except PackageNotFoundError as error:
        raise UnknownPublicLayerError(f"{arn}, because aws-lambda-powertools is not installed") from error
    _, _, _, region, account, *_ = arn.split(":")
    layer = LayerVersion({"LayerName": found[1], "Content": {"ZipFile": content}}, account, region)
    layer.version = int(found[2])
    return layer


@cache
def _powertools() -> str:
    """Return the layer's .zip file in Base64, with Powertools and what it requires."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for package in _with_requirements():
            for file in package.files or ():
                path = Path(str(file.locate()))
                if not {"..", "__pycache__"} & set(file.parts) and path.is_file():
                    archive.write(path, f"python/{file}")
    return base64.b64encode(packed.getvalue()).decode()


def _with_requirements() -> Iterator[Distribution]:
    names, seen = list(_PACKAGES), set(_IN_RUNTIME)
    while names:
        name = names.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            if name == _PACKAGES[0]:
                raise
            continue  # an extra that is not installed
        names += [_name(each) for each in package.requires or () if "extra ==" not in each]
        yield package


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0].lower() if found else requirement
