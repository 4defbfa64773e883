"""botocore's service models, loaded once for all clients and for moto."""

import re
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


_RULES = {
    "version": "1.0",
    "parameters": {"Endpoint": {"builtIn": "SDK::Endpoint", "required": True, "documentation": "", "type": "String"}},
    "rules": [
        {
            "conditions": [],
            "endpoint": {"url": {"ref": "Endpoint"}, "properties": {}, "headers": {}},
            "type": "endpoint",
        }
    ],
}
_OWN_RULES = ("s3", "s3control", "events")
"""Services whose rules depend on more than the endpoint, such as the bucket."""


class Models(Loader):
    """botocore's loader without its 1.2 MB table of endpoints. Clients here have explicit endpoints."""

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Return a model of a service; of the rules for its endpoints, only that for an explicit one."""
        if type_name == "endpoint-rule-set-1" and service_name not in _OWN_RULES:
            return _RULES
        return super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> Any:
        """Return the data of a name, and its path."""
        return (_ENDPOINTS, "") if name == "endpoints" else super().load_data_with_path(name)


@cache
def models() -> Models:
    """Return the loader of this process."""
    return Models()


def matches_pattern(text: str, pattern: str) -> bool:
    """Return whether a text matches a pattern of a model; True for a pattern that Python's syntax does not have."""
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:  # Java has \\p{L}
        return True


def session(region: str, keys: Mapping[str, str]) -> Any:
    """Return a boto3 session that shares the models. `keys` are named like the environment variables."""
    import boto3
    from botocore.session import Session

    botocore_session, loader = Session(), models()
    botocore_session.register_component("data_loader", loader)
    credentials = (keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], keys.get("AWS_SESSION_TOKEN"))
    created = boto3.Session(*credentials, region_name=region, botocore_session=botocore_session)
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each session adds boto3's
    return created
