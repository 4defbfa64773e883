"""The models of AWS's services, as botocore ships them, each read once for all clients and for moto."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader

_S3 = {"hostname": "s3.amazonaws.com", "signatureVersions": ["s3", "s3v4"], "credentialScope": {"region": "us-east-1"}}
_ONE_PARTITION = {
    "partition": "aws",
    "dnsSuffix": "amazonaws.com",
    "regionRegex": r"^[a-z]{2}(-[a-z]+)+-\d+$",
    "regions": {"us-east-1": {}},
    "services": {"s3": {"partitionEndpoint": "aws-global", "endpoints": {"aws-global": _S3, "us-east-1": _S3}}},
    "defaults": {"hostname": "{service}.{region}.{dnsSuffix}", "protocols": ["https"], "signatureVersions": ["v4"]},
}
_ENDPOINTS = {"version": 3, "partitions": [_ONE_PARTITION]}


class Models(Loader):
    """botocore's loader, but for its table of endpoints: 1.2 MB that no client reads which is told its own."""

    def load_data_with_path(self, name: str) -> Any:
        """The data of a name, and where it was found."""
        return (_ENDPOINTS, "") if name == "endpoints" else super().load_data_with_path(name)


@cache
def models() -> Models:
    """The loader that everything in this process shares."""
    return Models()


def session(region: str, keys: Mapping[str, str]) -> Any:
    """A boto3 session that signs with keys, named as in the environment, and whose clients share the models."""
    import boto3  # noqa: PLC0415 - only who asks for a client waits for its import
    from botocore.session import Session  # noqa: PLC0415 - the same

    sharing, loader = Session(), models()
    sharing.register_component("data_loader", loader)
    known = (keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys.get("AWS_SESSION_TOKEN"))
    made = boto3.Session(*known, region_name=region, botocore_session=sharing)
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each session adds boto3's
    return made
