"""The permissions that KMS's operations need."""

import base64
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Known, Permission

_KEY_ID_LENGTH = 36


def required(call: Call, region: AccountRegion) -> list[Permission]:
    """Return the permissions on the key, given by id, ARN, alias or ciphertext, and on the alias.

    https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html
    """

    def key(name: str) -> str:
        alias = name.rpartition(":")[2]
        key_id = region.backends.kms.get_key_id_from_alias(alias) if alias.startswith("alias/") else name
        return call.arn(f"key/{str(key_id or alias).rpartition('/')[2]}")

    def of_ciphertext(blob: str) -> str:
        return call.arn(f"key/{base64.b64decode(blob)[:_KEY_ID_LENGTH].decode('latin-1')}")

    action = f"kms:{call.operation}"
    if call.operation == "ReEncrypt":
        source, known = str(call.params.get("CiphertextBlob")), _encryption_context(call)
        destination = key(str(call.params.get("DestinationKeyId")))
        return [
            Permission("kms:ReEncryptFrom", of_ciphertext(source), known),
            Permission("kms:ReEncryptTo", destination, known),
        ]
    key_id = call.params.get("KeyId") or call.params.get("TargetKeyId")
    resource = key(str(key_id)) if key_id else call.first(("CiphertextBlob", of_ciphertext))
    permissions = [Permission(action, resource, _encryption_context(call))]
    if "AliasName" in call.params:
        permissions.append(Permission(action, call.arn(str(call.params["AliasName"]))))
    return permissions


def _encryption_context(call: Call) -> Known:
    context: dict[str, Any] = call.params.get("EncryptionContext") or {}
    known: Known = {f"kms:encryptioncontext:{name.lower()}": (str(value),) for name, value in context.items()}
    return {**known, "kms:encryptioncontextkeys": tuple(context), "kms:calleraccount": (call.account,)}


REQUIRED = {"kms": required}
