"""Schema registries, through boto3."""

import json

import pytest
from botocore.exceptions import ClientError

CONTENT = json.dumps({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "title": "OrderPlaced"})


@pytest.fixture
def schemas(empty_cloud):
    yield empty_cloud.client("schemas")
    empty_cloud.reset()


@pytest.fixture
def shop(schemas):
    """Create a registry with one schema; return their names."""
    schemas.create_registry(RegistryName="shop", Description="All events", Tags={"team": "mill"})
    names = {"RegistryName": "shop", "SchemaName": "shop.orders@OrderPlaced"}
    schemas.create_schema(**names, Content=CONTENT, Type="JSONSchemaDraft4", Tags={"team": "mill"})
    return names


def test_registry_is_created_described_and_listed(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname.html"""
    described = schemas.describe_registry(RegistryName="shop")
    assert (described["Description"], described["Tags"]) == ("All events", {"team": "mill"})
    assert described["RegistryArn"] == "arn:aws:schemas:us-east-1:123456789012:registry/shop"
    assert [each["RegistryName"] for each in schemas.list_registries()["Registries"]] == ["shop"]


def test_describe_schema_returns_content(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname-schemas-name-schemaname.html"""
    described = schemas.describe_schema(**shop)
    assert (described["Content"], described["SchemaVersion"]) == (CONTENT, "1")
    assert described["SchemaArn"].endswith(":schema/shop/shop.orders@OrderPlaced")


def test_changed_content_creates_a_version(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-registry.html"""
    schemas.update_schema(**shop, Content='{"type": "object"}')
    schemas.update_schema(**shop, Content='{"type": "object"}')
    versions = schemas.list_schema_versions(**shop)["SchemaVersions"]
    assert [each["SchemaVersion"] for each in versions] == ["2", "1"]
    assert schemas.describe_schema(**shop, SchemaVersion="1")["Content"] == CONTENT


def test_schemas_are_searched_by_keywords_and_listed_by_prefix(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname-schemas-search.html"""
    found = [schemas.search_schemas(RegistryName="shop", Keywords=words)["Schemas"] for words in ("orderplaced", "tea")]
    listed = schemas.list_schemas(RegistryName="shop", SchemaNamePrefix="shop.")["Schemas"]
    assert ([len(each) for each in found], listed[0]["VersionCount"]) == ([1, 0], 1)


def test_tags_are_added_and_removed(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/tags-resource-arn.html"""
    arn = schemas.describe_schema(**shop)["SchemaArn"]
    schemas.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
    schemas.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert schemas.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"stage": "test"}


@pytest.mark.parametrize(
    ("call", "params", "code"),
    [
        ("describe_registry", {"RegistryName": "none"}, "NotFoundException"),
        ("create_registry", {"RegistryName": "shop"}, "ConflictException"),
        ("delete_registry", {"RegistryName": "shop"}, "BadRequestException"),
        ("describe_schema", {"RegistryName": "shop", "SchemaName": "none"}, "NotFoundException"),
    ],
)
def test_invalid_calls_return_error_codes(schemas, shop, call, params, code):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname.html"""
    with pytest.raises(ClientError) as error:
        getattr(schemas, call)(**params)
    assert error.value.response["Error"]["Code"] == code


def test_schema_content_must_be_json(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html"""
    with pytest.raises(ClientError, match="must be a JSON object"):
        schemas.update_schema(**shop, Content="not a schema")


def test_discoverers_are_not_supported(schemas):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-discovery.html

    Refused: discoverers, discovered schemas and code bindings.
    """
    with pytest.raises(ClientError, match="not implemented by Millrace"):
        schemas.create_discoverer(SourceArn="arn:aws:events:us-east-1:123456789012:event-bus/shop")
