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
    """A registry with one schema; gives the names of both."""
    schemas.create_registry(RegistryName="shop", Description="All events", Tags={"team": "mill"})
    names = {"RegistryName": "shop", "SchemaName": "shop.orders@OrderPlaced"}
    schemas.create_schema(**names, Content=CONTENT, Type="JSONSchemaDraft4", Tags={"team": "mill"})
    return names


def test_a_registry_is_made_described_listed_and_deleted(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname.html"""
    described = schemas.describe_registry(RegistryName="shop")
    assert (described["Description"], described["Tags"]) == ("All events", {"team": "mill"})
    assert described["RegistryArn"] == "arn:aws:schemas:us-east-1:123456789012:registry/shop"
    assert [each["RegistryName"] for each in schemas.list_registries()["Registries"]] == ["shop"]


def test_a_schema_is_described_with_its_content(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname-schemas-name-schemaname.html"""
    described = schemas.describe_schema(**shop)
    assert (described["Content"], described["SchemaVersion"]) == (CONTENT, "1")
    assert described["SchemaArn"].endswith(":schema/shop/shop.orders@OrderPlaced")


def test_other_content_is_a_new_version_and_the_old_one_stays(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-registry.html"""
    schemas.update_schema(**shop, Content='{"type": "object"}')
    schemas.update_schema(**shop, Content='{"type": "object"}')
    versions = schemas.list_schema_versions(**shop)["SchemaVersions"]
    assert [each["SchemaVersion"] for each in versions] == ["2", "1"]
    assert schemas.describe_schema(**shop, SchemaVersion="1")["Content"] == CONTENT


def test_schemas_are_found_by_words_and_listed_by_prefix(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname-schemas-search.html"""
    found = [schemas.search_schemas(RegistryName="shop", Keywords=words)["Schemas"] for words in ("orderplaced", "tea")]
    listed = schemas.list_schemas(RegistryName="shop", SchemaNamePrefix="shop.")["Schemas"]
    assert ([len(each) for each in found], listed[0]["VersionCount"]) == ([1, 0], 1)


def test_tags_are_put_and_taken_away(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/tags-resource-arn.html"""
    arn = schemas.describe_schema(**shop)["SchemaArn"]
    schemas.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
    schemas.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert schemas.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"stage": "test"}


@pytest.mark.parametrize(
    ("call", "given", "code"),
    [
        ("describe_registry", {"RegistryName": "none"}, "NotFoundException"),
        ("create_registry", {"RegistryName": "shop"}, "ConflictException"),
        ("delete_registry", {"RegistryName": "shop"}, "BadRequestException"),
        ("describe_schema", {"RegistryName": "shop", "SchemaName": "none"}, "NotFoundException"),
    ],
)
def test_what_cannot_be_is_refused_by_its_code(schemas, shop, call, given, code):
    """https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname.html"""
    with pytest.raises(ClientError) as refused:
        getattr(schemas, call)(**given)
    assert refused.value.response["Error"]["Code"] == code


def test_content_that_is_no_schema_is_refused(schemas, shop):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html"""
    with pytest.raises(ClientError, match="no JSON"):
        schemas.update_schema(**shop, Content="no schema")


def test_discoverers_are_refused(schemas):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-discovery.html

    Refused: discoverers, discovered schemas and code bindings.
    """
    with pytest.raises(ClientError, match="not implemented by Millrace"):
        schemas.create_discoverer(SourceArn="arn:aws:events:us-east-1:123456789012:event-bus/shop")
