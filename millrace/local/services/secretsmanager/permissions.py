"""The permissions that Secrets Manager's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, region: AccountRegion) -> list[Permission]:
    """The secret by its whole ARN, six random characters included.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    """

    def secret(name: str) -> str:
        found = region.backends.secretsmanager.secrets.get(name)
        return str(found.arn) if found else call.arn(f"secret:{name}")

    listed = call.params.get("SecretIdList")
    if listed:
        return [Permission("secretsmanager:GetSecretValue", secret(name)) for name in listed]
    return [
        Permission(f"secretsmanager:{call.operation}", call.first(("SecretId", secret), ("Name", "secret:{}-??????")))
    ]


REQUIRED = {"secretsmanager": required}
