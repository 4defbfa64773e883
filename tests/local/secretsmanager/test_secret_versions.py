"""Versions of secrets."""

pytest_plugins = ["lambda_fixtures"]


def test_secret_value_without_a_stage_is_the_current_version(site):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"""
    secrets = site.client("secretsmanager")
    old = secrets.create_secret(Name="s", SecretString="old")["VersionId"]
    new = secrets.put_secret_value(SecretId="s", SecretString="new", VersionStages=["AWSPENDING"])["VersionId"]
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "old"
    secrets.update_secret_version_stage(
        SecretId="s", VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=old
    )
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "new"
