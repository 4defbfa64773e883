"""Authorization of functions by their roles, and of deliveries by the policies of their targets."""

import json

import pytest

from millrace.local.services.iam import Iam

pytest_plugins = ["access_fixtures"]

ACCOUNT = "123456789012"
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/shop"
RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/shop/r"


@pytest.fixture
def local(iam_local):
    return iam_local


@pytest.fixture
def publish(error_of):
    """Put an event from the function."""

    def publish(source="shop.orders"):
        entry = {"Source": source, "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": "shop"}
        return error_of("events", "put_events", Entries=[entry])

    return publish


def statement(effect="Allow", action="events:PutEvents", resource=BUS, **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def test_a_function_may_do_what_its_role_allows(allow, publish):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"""
    allow(statement())
    assert publish() is None


def test_an_undeclared_publish_is_denied_naming_action_and_resource(publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    error = publish()
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/clerk/handler is not authorized to perform: events:PutEvents "
        f"on resource: {BUS} because no identity-based policy allows the events:PutEvents action"
    )


def test_a_condition_on_the_source_denies_another(allow, publish):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    allow(statement(Condition={"ForAllValues:StringEquals": {"events:source": ["shop.orders"]}}))
    assert publish("shop.orders") is None
    assert publish("shop.stock")["Code"] == "AccessDeniedException"


def test_an_explicit_deny_wins_and_a_change_of_policy_counts_at_once(allow, publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html

    Differs: a change of policy counts at once; on AWS it takes a while to reach every server.
    """
    allow(statement())
    assert publish() is None
    allow(statement("Deny"), name="another")
    assert publish()["Message"].endswith("with an explicit deny in an identity-based policy")


def test_attached_and_aws_managed_policies_count(local, run, error_of):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html"""
    arn = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"
    local.client("iam").attach_role_policy(RoleName="clerk", PolicyArn=arn)
    url = f"{local.endpoint_url}/{ACCOUNT}/orders"
    assert error_of("sqs", "get_queue_attributes", QueueUrl=url) is None
    assert error_of("sqs", "send_message", QueueUrl=url, MessageBody="hi")["Code"] == "AccessDenied"


def test_a_boundary_limits_the_role(local, allow, publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    allow(statement())
    boundary = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    local.client("iam").put_role_permissions_boundary(RoleName="clerk", PermissionsBoundary=boundary)
    assert "no permissions boundary allows" in publish()["Message"]


def test_the_tags_of_a_role_count(local, allow, publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principaltag"""
    allow(statement(resource="arn:aws:events:*:*:event-bus/${aws:PrincipalTag/Bus}"))
    assert publish() is not None
    local.client("iam").tag_role(RoleName="clerk", Tags=[{"Key": "Bus", "Value": "shop"}])
    assert publish() is None


def test_a_role_may_be_held_to_its_own_items(local, allow, error_of):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"""
    local.client("dynamodb").create_table(
        TableName="games",
        KeySchema=[{"AttributeName": "player", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "player", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    own = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${lambda:SourceFunctionArn}"]}}
    allow(statement(action="dynamodb:GetItem", resource=f"arn:aws:dynamodb:*:{ACCOUNT}:table/games", Condition=own))
    mine = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:handler"
    assert error_of("dynamodb", "get_item", TableName="games", Key={"player": {"S": mine}}) is None
    assert error_of("dynamodb", "get_item", TableName="games", Key={"player": {"S": "another"}}) is not None


def test_a_key_that_names_others_only_is_closed_to_a_role_that_may_use_every_key(local, allow, error_of):
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
    another = statement(action="kms:*", resource="*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/another"})
    key = local.client("kms").create_key()["KeyMetadata"]["KeyId"]
    allow(statement(action="kms:*", resource="*"))
    assert error_of("kms", "describe_key", KeyId=key) is None
    policy = json.dumps({"Version": "2012-10-17", "Statement": [another]})
    local.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    assert "no resource-based policy allows" in error_of("kms", "describe_key", KeyId=key)["Message"]


def test_the_policy_of_a_queue_may_let_a_role_in(local, error_of):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-using-identity-based-policies.html"""
    url = f"{local.endpoint_url}/{ACCOUNT}/orders"
    let_in(local, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/shop/clerk"})
    assert error_of("sqs", "send_message", QueueUrl=url, MessageBody="hi") is None


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("sns", "publish", {"TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:t", "Message": "hi"}, "AuthorizationError"),
        ("s3", "put_object", {"Bucket": "b", "Key": "k", "Body": "x"}, "AccessDenied"),
        ("lambda", "invoke", {"FunctionName": "other"}, "AccessDeniedException"),
        ("cloudwatch", "put_metric_data", {"Namespace": "n", "MetricData": []}, "AccessDeniedException"),
        ("iam", "list_roles", {}, "AccessDenied"),
    ],
)
def test_each_protocol_has_its_own_way_to_deny(error_of, service, operation, arguments, code):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    error = error_of(service, operation, **arguments)
    assert error["Code"] == code
    assert "is not authorized to perform: " in error["Message"]


def test_a_function_is_a_session_of_its_role(run):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    assert run(handler="whoami") == [f"arn:aws:sts::{ACCOUNT}:assumed-role/clerk/whoami", ACCOUNT, "whoami"]


def test_a_condition_key_that_cannot_be_known_is_named(allow, publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgid

    Refused: the call, naming the key.
    """
    allow(statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}))
    error = publish()
    assert error["Code"] == "UnsupportedPolicyError"
    assert "aws:principalorgid" in error["Message"]


def test_callers_with_other_keys_are_not_judged(local):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

    Differs: tests and command lines may do everything; functions, state machines, rules and schedules are authorized.
    """
    assert local.client("iam").list_roles()["Roles"]


def test_judging_can_be_turned_off(local, publish):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

    Differs: LocalCloud(enforce_iam=False) allows everything.
    """
    local.region.service(Iam).access.enforce_iam = False
    try:
        assert publish() is None
    finally:
        local.region.service(Iam).access.enforce_iam = True


def let_in(local, principal, **condition):
    """Give the queue a policy."""
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
    given = statement("Allow", "sqs:SendMessage", queue, Principal=principal, Condition=condition)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [given]})
    url = f"{local.endpoint_url}/{ACCOUNT}/orders"
    local.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def delivers(local, action, resource, source=RULE):
    access = local.region.service(Iam).access
    arn = f"arn:aws:{resource}"
    return local.on_loop(lambda: access.may_deliver("events.amazonaws.com", action, arn, source))


def test_a_queue_lets_in_the_rules_that_its_policy_names(local):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"""
    queue = f"sqs:us-east-1:{ACCOUNT}:orders"
    assert not delivers(local, "sqs:SendMessage", queue)
    let_in(local, {"Service": "events.amazonaws.com"}, ArnEquals={"aws:SourceArn": RULE})
    assert delivers(local, "sqs:SendMessage", queue)
    assert not delivers(local, "sqs:SendMessage", queue, f"{RULE}2")


def test_a_queue_lets_everybody_in_from_an_account(local):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceaccount"""
    let_in(local, "*", StringEquals={"AWS:SourceAccount": ACCOUNT})
    queue = f"sqs:us-east-1:{ACCOUNT}:orders"
    assert delivers(local, "sqs:SendMessage", queue, "arn:aws:s3:::bucket")
    assert not delivers(local, "sqs:SendMessage", queue, RULE.replace(ACCOUNT, "210987654321"))


def test_a_function_lets_in_what_a_permission_names(local, run):
    """https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
    run(handler="whoami")
    function = f"lambda:us-east-1:{ACCOUNT}:function:whoami"
    assert not delivers(local, "lambda:InvokeFunction", function)
    local.client("lambda").add_permission(
        FunctionName="whoami",
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE,
    )
    assert delivers(local, "lambda:InvokeFunction", function)
    assert not delivers(local, "lambda:InvokeFunction", function, f"{RULE}2")


def test_a_topic_lets_no_rule_in_of_itself(local):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions"""
    local.client("sns").create_topic(Name="t")
    assert not delivers(local, "sns:Publish", f"sns:us-east-1:{ACCOUNT}:t")
