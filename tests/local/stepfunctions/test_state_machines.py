import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import ROLE, chain

pytest_plugins = ("machines_fixtures",)
PASS = json.dumps(chain(It={"Type": "Pass"}))
SUCCEED = json.dumps(chain(It={"Type": "Succeed"}))


@pytest.fixture
def machine(kit):
    return kit.machine(chain(It={"Type": "Pass"}))


@pytest.fixture
def published(kit, machine):
    """A state machine with two versions."""
    for definition in (PASS, SUCCEED):
        kit.states.update_state_machine(stateMachineArn=machine, definition=definition)
        kit.states.publish_state_machine_version(stateMachineArn=machine)
    return machine


def routes(machine, **weights):
    return [
        {"stateMachineVersionArn": f"{machine}:{number[1:]}", "weight": weight} for number, weight in weights.items()
    ]


def test_same_creation_is_idempotent_whatever_the_role(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    name = kit.name()
    first = kit.states.create_state_machine(name=name, definition=PASS, roleArn=ROLE)
    again = kit.states.create_state_machine(name=name, definition=PASS, roleArn=f"{ROLE}-2")
    assert (first["stateMachineArn"], first["creationDate"]) == (again["stateMachineArn"], again["creationDate"])
    assert kit.states.describe_state_machine(stateMachineArn=first["stateMachineArn"])["roleArn"] == ROLE


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"name": "a b"}, "InvalidName.*Invalid Name: 'a b'"),
        ({"name": "x" * 81}, "ValidationException.*length less than or equal to 80"),
        ({"roleArn": "none"}, "InvalidArn.*Invalid Role Arn: 'none'"),
        ({"type": "FAST"}, r"ValidationException.*enum value set: \[STANDARD, EXPRESS\]"),
        ({"versionDescription": "one"}, "ValidationException.*only be set when publish is true"),
        ({"loggingConfiguration": {"level": "ALL"}}, "InvalidLoggingConfiguration.*exactly one Log Destination"),
        ({"tags": [{"key": f"k{number}", "value": ""} for number in range(51)]}, "TooManyTags"),
        ({"definition": " " * 1_048_577}, "ValidationException.*Value at 'definition' failed"),
    ],
)
def test_invalid_creation_fails(kit, more, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    given = {"name": kit.name(), "definition": PASS, "roleArn": ROLE, **more}
    with pytest.raises(ClientError, match=error):
        kit.states.create_state_machine(**given)


def test_missing_parameter_is_named(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html"""
    create = kit.cloud.region.answers["AWSStepFunctions.CreateStateMachine"]
    with pytest.raises(Exception, match="Value null at 'definition' failed to satisfy constraint: Member must not"):
        create({"name": "it", "roleArn": ROLE})


@pytest.mark.parametrize(
    ("arn", "text"),
    [
        ("nothing", "Invalid Arn: 'Invalid ARN prefix: nothing'"),
        ("arn:aws:states:us-east-1:123456789012:activity:it", "Resource type not valid in this context: activity"),
    ],
)
def test_invalid_arn_fails(kit, arn, text):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html"""
    with pytest.raises(ClientError, match=f"InvalidArn.*{text}"):
        kit.states.describe_state_machine(stateMachineArn=arn)


def test_described_state_machine_has_all_settings(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html"""
    found = kit.states.describe_state_machine(stateMachineArn=machine)
    assert (found["definition"], found["roleArn"], found["type"], found["status"]) == (PASS, ROLE, "STANDARD", "ACTIVE")
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert "definition" not in kit.states.describe_state_machine(stateMachineArn=machine, includedData="METADATA_ONLY")


def test_update_creates_a_revision_if_it_changes_something(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html"""
    assert "revisionId" not in kit.states.update_state_machine(stateMachineArn=machine, definition=PASS)
    revision = kit.states.update_state_machine(stateMachineArn=machine, definition=SUCCEED)["revisionId"]
    assert kit.states.describe_state_machine(stateMachineArn=machine)["revisionId"] == revision
    with pytest.raises(ClientError, match="MissingRequiredParameter"):
        kit.states.update_state_machine(stateMachineArn=machine)


def test_state_machines_are_listed_in_pages(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html"""
    kit.machine(chain(It={"Type": "Pass"}))
    first = kit.states.list_state_machines(maxResults=1)
    second = kit.states.list_state_machines(maxResults=1, nextToken=first["nextToken"])
    assert first["stateMachines"] != second["stateMachines"]
    with pytest.raises(ClientError, match="InvalidToken"):
        kit.states.list_state_machines(nextToken="other")


def test_deleted_state_machine_does_not_exist(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html"""
    kit.states.delete_state_machine(stateMachineArn=published)
    kit.states.delete_state_machine(stateMachineArn=published)
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        kit.states.describe_state_machine(stateMachineArn=f"{published}:1")


def test_tags_can_be_added_and_removed(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html"""
    kit.states.tag_resource(resourceArn=machine, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    kit.states.untag_resource(resourceArn=machine, tagKeys=["a"])
    assert kit.states.list_tags_for_resource(resourceArn=machine)["tags"] == [{"key": "b", "value": "2"}]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        kit.states.list_tags_for_resource(resourceArn=f"{machine}x")


def test_same_revision_is_published_once(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html"""
    publish = kit.states.publish_state_machine_version
    first = publish(stateMachineArn=machine, description="first")["stateMachineVersionArn"]
    assert publish(stateMachineArn=machine)["stateMachineVersionArn"] == first == f"{machine}:1"
    with pytest.raises(ClientError, match="ConflictException"):
        publish(stateMachineArn=machine, revisionId="other")


def test_version_keeps_its_definition_and_description(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html"""
    found = kit.states.describe_state_machine(stateMachineArn=f"{published}:1")
    assert (found["definition"], found["stateMachineArn"]) == (PASS, f"{published}:1")
    listed = kit.states.list_state_machine_versions(stateMachineArn=published)["stateMachineVersions"]
    assert [each["stateMachineVersionArn"] for each in listed] == [f"{published}:2", f"{published}:1"]


def test_number_of_a_deleted_version_is_not_used_again(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineVersion.html"""
    kit.states.delete_state_machine_version(stateMachineVersionArn=f"{published}:2")
    version = kit.states.publish_state_machine_version(stateMachineArn=published)["stateMachineVersionArn"]
    assert version == f"{published}:3"


def test_version_of_an_alias_cannot_be_deleted(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineVersion.html"""
    kit.states.create_state_machine_alias(name="live", routingConfiguration=routes(published, v1=100))
    with pytest.raises(ClientError, match=r"ConflictException.*referencing this version: \[live\]"):
        kit.states.delete_state_machine_version(stateMachineVersionArn=f"{published}:1")


def test_alias_routes_by_weight(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html"""
    create, update = kit.states.create_state_machine_alias, kit.states.update_state_machine_alias
    alias = create(name="live", routingConfiguration=routes(published, v1=100))["stateMachineAliasArn"]
    update(stateMachineAliasArn=alias, routingConfiguration=routes(published, v1=0, v2=100), description="new")
    versions = {kit.run(alias)["stateMachineVersionArn"] for _ in range(5)}
    assert versions == {f"{published}:2"}
    assert kit.states.describe_state_machine_alias(stateMachineAliasArn=alias)["description"] == "new"


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ({"v1": 50, "v2": 40}, r"Sum of routing configuration weights must equal 100. Received: \[50, 40\]"),
        ({"v1": 50, "v3": 50}, "Routing configuration must contain state machine version ARNs"),
        ({"v1": 101}, "'routingConfiguration.1.member.weight' .*less than or equal to 100"),
    ],
)
def test_invalid_routes_fail(kit, published, weights, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html"""
    with pytest.raises(ClientError, match=f"ValidationException.*{error}"):
        kit.states.create_state_machine_alias(name="live", routingConfiguration=routes(published, **weights))


def test_alias_is_created_once_listed_and_deleted(kit, published):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachineAlias.html"""
    given = {"name": "live", "routingConfiguration": routes(published, v1=100)}
    alias = [kit.states.create_state_machine_alias(**given)["stateMachineAliasArn"] for _ in range(2)][1]
    with pytest.raises(ClientError, match="ConflictException"):
        kit.states.create_state_machine_alias(**given | {"routingConfiguration": routes(published, v2=100)})
    listed = kit.states.list_state_machine_aliases(stateMachineArn=f"{published}:1")["stateMachineAliases"]
    assert [each["stateMachineAliasArn"] for each in listed] == [alias]
    kit.states.delete_state_machine_alias(stateMachineAliasArn=alias)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        kit.states.describe_state_machine_alias(stateMachineAliasArn=alias)
