"""The permissions that Secrets Manager's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, region: AccountRegion) -> list[Permission]:
    """Return the permission on each secret. Its ARN ends with six random characters, which a caller can leave out.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    """

    def secret(name: str) -> str:
        found = region.backends.secretsmanager.secrets.get(name)
        return str(found.arn) if found else name if name.startswith("arn:") else call.arn(f"secret:{name}")

    names = call.params.get("SecretIdList")
    if names:
        return [Permission("secretsmanager:GetSecretValue", secret(name)) for name in names]
    given = call.params.get("SecretId")
    resource = secret(str(given)) if given else call.first(("Name", "secret:{}-??????"))
    return [Permission(f"secretsmanager:{call.operation}", resource)]


REQUIRED = {"secretsmanager": required}
