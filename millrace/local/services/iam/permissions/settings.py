"""Parameters, secrets, keys, logs and roles: what their operations need."""

import base64
from typing import Any

from millrace.local.services.iam.calls import Call
from millrace.local.services.iam.facts import Known, Permission
from millrace.local.services.iam.resource_lookup import ResourceLookup

_KEY_ID_CHARACTERS = 36


def ssm(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """Each parameter by its name, without version or label.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
    """
    names = call.params.get("Names") or [call.params.get("Name") or call.params.get("Path")]
    if not names[0] or "Parameter" not in call.operation:
        return [Permission(f"ssm:{call.operation}", "*")]
    return [Permission(f"ssm:{call.operation}", _parameter(call, name)) for name in names]


def _parameter(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return call.arn(f"parameter/{name.partition(':')[0].lstrip('/')}")


def secretsmanager(call: Call, places: ResourceLookup) -> list[Permission]:
    """The secret by its whole ARN, six random characters included.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    """

    def secret(name: str) -> str:
        found = places.backends.secretsmanager.secrets.get(name)
        return str(found.arn) if found else call.arn(f"secret:{name}")

    listed = call.params.get("SecretIdList")
    if listed:
        return [Permission("secretsmanager:GetSecretValue", secret(name)) for name in listed]
    return [
        Permission(f"secretsmanager:{call.operation}", call.first(("SecretId", secret), ("Name", "secret:{}-??????")))
    ]


def kms(call: Call, places: ResourceLookup) -> list[Permission]:
    """The key, whatever it is named by; a ciphertext names its own.

    https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html
    """

    def key(name: str) -> str:
        alias = name.rpartition(":")[2]
        known = places.backends.kms.get_key_id_from_alias(alias) if alias.startswith("alias/") else name
        return call.arn(f"key/{str(known or alias).rpartition('/')[2]}")

    def of_ciphertext(blob: str) -> str:
        return call.arn(f"key/{base64.b64decode(blob)[:_KEY_ID_CHARACTERS].decode('latin-1')}")

    action = f"kms:{call.operation}"
    if call.operation == "ReEncrypt":
        source, known = str(call.params.get("CiphertextBlob")), _encryption_context(call)
        destination = key(str(call.params.get("DestinationKeyId")))
        return [
            Permission("kms:ReEncryptFrom", of_ciphertext(source), known),
            Permission("kms:ReEncryptTo", destination, known),
        ]
    named = call.params.get("KeyId") or call.params.get("TargetKeyId")
    resource = key(str(named)) if named else call.first(("CiphertextBlob", of_ciphertext))
    asks = [Permission(action, resource, _encryption_context(call))]
    if "AliasName" in call.params:
        asks.append(Permission(action, call.arn(str(call.params["AliasName"]))))
    return asks


def _encryption_context(call: Call) -> Known:
    context: dict[str, Any] = call.params.get("EncryptionContext") or {}
    known: Known = {f"kms:encryptioncontext:{name.lower()}": (str(value),) for name, value in context.items()}
    return {**known, "kms:encryptioncontextkeys": tuple(context), "kms:calleraccount": (call.account,)}


def logs(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The log stream, or the group as `log-group:NAME:log-stream:`, which wants `:*` at a policy's end, as on AWS.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    stream = call.params.get("logStreamName") if call.operation in _OF_STREAMS else None
    form = f"log-group:{{}}:log-stream:{stream or ''}"
    named = call.first(
        ("logGroupName", form),
        ("logGroupIdentifier", form),
        ("resourceArn", "{}"),
        ("logGroupNamePrefix", form),
    )
    whole = call.arn("log-group::log-stream:") if call.operation == "DescribeLogGroups" else "*"
    return [Permission(f"logs:{call.operation}", whole if named == "*" else named)]


_OF_STREAMS = {"DeleteLogStream", "GetLogEvents", "PutLogEvents"}


def sts(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The role that is assumed; who one is, everybody may ask."""
    if call.operation == "GetCallerIdentity":
        return []
    return [Permission(f"sts:{call.operation}", call.first(("RoleArn", "{}")))]


def iam(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The role or policy; other things of IAM as `*`."""
    account = f"arn:aws:iam::{call.account}:"
    resource = call.first(
        ("RoleName", lambda name: f"{account}role/{name}"),
        ("PolicyArn", "{}"),
        ("UserName", lambda name: f"{account}user/{name}"),
    )
    return [Permission(f"iam:{call.operation}", resource)]
