"""What a signed request needs to be allowed: action and resource of each thing that it does."""

import json
from types import SimpleNamespace

import pytest

from millrace.local.core.backends import Backends
from millrace.local.core.http import Request
from millrace.local.services.iam.calls import call_of, scope_of
from millrace.local.services.iam.facts import UnsupportedPolicyError
from millrace.local.services.iam.permissions import required_permissions

ACCOUNT = "123456789012"
HERE = f"us-east-1:{ACCOUNT}"


def required(service, method="POST", path="/", query="", body="", **headers):
    signed = f"AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"authorization": signed}
    text = body if isinstance(body, str) else json.dumps(body)
    request = Request(method, path, query, headers, text.encode())
    call = call_of(request, scope_of(request), ACCOUNT)
    machines = SimpleNamespace(machine_of={"t": f"arn:aws:states:{HERE}:stateMachine:m"}.get)
    region = SimpleNamespace(backends=Backends(ACCOUNT, "us-east-1"), service=lambda _kind: machines)
    return required_permissions(call, region)


def needed(*args, **kwargs):
    """Actions and resources, as a policy would name them."""
    return [
        (permission.action, permission.resource.removeprefix("arn:aws:")) for permission in required(*args, **kwargs)
    ]


def json_call(service, operation, **params):
    return needed(service, body=params, x_amz_target=f"X.{operation}")


def known(service, operation, **params):
    """What the conditions of the first permission may look at."""
    (permission, *_) = required(service, body=params, x_amz_target=f"X.{operation}")
    return {
        key: value() if callable(value) else value for key, value in permission.known.items() if "leading" not in key
    }


def entry(bus, source="shop", detail_type="T"):
    return {"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": "{}"}


def test_each_entry_of_put_events_is_authorized_by_its_bus():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    entries = [entry("shop"), entry("shop"), entry(f"arn:aws:events:{HERE}:event-bus/other"), {"Source": "s"}]
    assert json_call("events", "PutEvents", Entries=entries) == [
        ("events:PutEvents", f"events:{HERE}:event-bus/shop"),
        ("events:PutEvents", f"events:{HERE}:event-bus/other"),
        ("events:PutEvents", f"events:{HERE}:event-bus/default"),
    ]


def test_conditions_see_the_source_and_detail_type_of_an_entry():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    seen = known("events", "PutEvents", Entries=[entry("shop", "shop.orders", "OrderPlaced")])
    assert seen["events:source"] == ("shop.orders",)
    assert seen["events:detail-type"] == ("OrderPlaced",)
    assert seen["events:eventbusinvocation"] == ("false",)


def test_conditions_see_the_pattern_of_a_rule():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    pattern = {"source": ["aws.ec2"], "detail": {"eventTypeCode": ["A"], "n": {"m": ["x"]}}}
    seen = known("events", "PutRule", Name="r", EventBusName="shop", EventPattern=json.dumps(pattern))
    assert seen["events:source"] == ("aws.ec2",)
    assert seen["events:detail.eventtypecode"] == ("A",)


def test_rules_are_named_with_their_bus_and_roles_are_passed():
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html"""
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    assert json_call("events", "PutRule", Name="r", EventBusName="shop", RoleArn=role) == [
        ("events:PutRule", f"events:{HERE}:rule/shop/r"),
        ("iam:PassRole", f"iam::{ACCOUNT}:role/r"),
    ]
    assert json_call("events", "DeleteRule", Name="r") == [("events:DeleteRule", f"events:{HERE}:rule/r")]


@pytest.mark.parametrize("operation", ["SendMessage", "SendMessageBatch"])
def test_a_batch_of_messages_needs_the_single_action(operation):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html"""
    url = f"http://127.0.0.1:4566/{ACCOUNT}/orders.fifo"
    wanted = [("sqs:SendMessage", f"sqs:{HERE}:orders.fifo")]
    assert json_call("sqs", operation, QueueUrl=url) == wanted
    form = f"Action={operation}&QueueUrl={url}"
    assert needed("sqs", body=form, content_type="application/x-www-form-urlencoded; charset=utf-8") == wanted


def test_the_items_of_a_transaction_are_authorized_each_by_its_action():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html"""
    items = [{"Put": {"TableName": "A"}}, {"ConditionCheck": {"TableName": "B"}}, {"Delete": {"TableName": "B"}}]
    assert json_call("dynamodb", "TransactWriteItems", TransactItems=items) == [
        ("dynamodb:PutItem", f"dynamodb:{HERE}:table/A"),
        ("dynamodb:ConditionCheckItem", f"dynamodb:{HERE}:table/B"),
        ("dynamodb:DeleteItem", f"dynamodb:{HERE}:table/B"),
    ]


def test_batches_and_queries_are_authorized_by_table_and_index():
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html"""
    written = json_call("dynamodb", "BatchWriteItem", RequestItems={"A": [{"PutRequest": {"Item": {}}}], "B": []})
    assert written == [("dynamodb:BatchWriteItem", f"dynamodb:{HERE}:table/A")]
    queried = json_call("dynamodb", "Query", TableName="A", IndexName="by-day")
    assert queried == [("dynamodb:Query", f"dynamodb:{HERE}:table/A/index/by-day")]


@pytest.mark.parametrize(
    ("statement", "action", "table"),
    [
        ('SELECT * FROM "A"."i" WHERE pk = \'1\'', "PartiQLSelect", "A/index/i"),
        ("INSERT INTO A VALUE {'pk': '1'}", "PartiQLInsert", "A"),
        ("update A set x = 1 where pk = '1'", "PartiQLUpdate", "A"),
        ("DELETE FROM 'A' WHERE pk = '1'", "PartiQLDelete", "A"),
    ],
)
def test_partiql_has_actions_of_its_own(statement, action, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html"""
    wanted = [(f"dynamodb:{action}", f"dynamodb:{HERE}:table/{table}")]
    assert json_call("dynamodb", "ExecuteStatement", Statement=statement) == wanted


def test_conditions_see_the_attributes_that_a_query_names():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"""
    query = {
        "KeyConditionExpression": "#p = :p AND begins_with(sk, :s)",
        "FilterExpression": "size(tags) > :n AND NOT address.city = :c",
        "ProjectionExpression": "amount, tags[0]",
        "ExpressionAttributeNames": {"#p": "customer"},
    }
    seen = known("dynamodb", "Query", TableName="A", **query)
    assert set(seen["dynamodb:attributes"]) == {"customer", "sk", "tags", "address", "amount"}
    assert seen["dynamodb:select"] == ("SPECIFIC_ATTRIBUTES",)


@pytest.mark.parametrize(
    ("request_line", "headers", "wanted"),
    [
        ("GET /b?list-type=2&prefix=a/", {}, [("s3:ListBucket", "s3:::b")]),
        ("GET /", {}, [("s3:ListAllMyBuckets", "*")]),
        ("GET /b/a/k 1", {}, [("s3:GetObject", "s3:::b/a/k 1")]),
        ("HEAD /b/k?versionId=1", {}, [("s3:GetObjectVersion", "s3:::b/k")]),
        ("DELETE /b/k", {}, [("s3:DeleteObject", "s3:::b/k")]),
        ("PUT /b/k?partNumber=1&uploadId=u", {}, [("s3:PutObject", "s3:::b/k")]),
        ("PUT /b/k", {"x_amz_copy_source": "c/d%20e"}, [("s3:PutObject", "s3:::b/k"), ("s3:GetObject", "s3:::c/d e")]),
        ("PUT /b/k", {"x_amz_tagging": "a=b"}, [("s3:PutObject", "s3:::b/k"), ("s3:PutObjectTagging", "s3:::b/k")]),
        ("GET /b?encryption", {}, [("s3:GetEncryptionConfiguration", "s3:::b")]),
        ("DELETE /b?lifecycle", {}, [("s3:PutLifecycleConfiguration", "s3:::b")]),
        ("PUT /b?notification", {}, [("s3:PutBucketNotification", "s3:::b")]),
    ],
)
def test_actions_of_s3_have_names_of_their_own(request_line, headers, wanted):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    assert needed("s3", method, path, query, **headers) == wanted


def test_a_bucket_in_the_host_name_is_authorized():
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""
    hosts = ("b.localhost:4566", "www.b.s3.localhost", "localhost:4566", "127.0.0.1:4566")
    assert [needed("s3", "GET", "/c/k", host=host)[0][1] for host in hosts] == [
        *["s3:::b/c/k"] * 2,
        *["s3:::c/k"] * 2,
    ]


FORM = {"content_type": "application/x-www-form-urlencoded"}
OTHER = f"arn:aws:kinesis:{HERE}:stream/b"
FUNCTION = "/2015-03-31/functions/f"


@pytest.mark.parametrize(
    ("service", "request_line", "body", "headers"),
    [
        ("s3", "GET /b/k?Bucket=other", "", {}),
        ("lambda", f"POST {FUNCTION}/invocations?FunctionName=other", "{}", {}),
        ("sns", "POST /", "Action=Publish&TopicArn=a&Message=hi&TopicArn=b", FORM),
        ("sns", "POST /?TopicArn=a", "Action=Publish&Message=hi&TopicArn=b", FORM),
        ("sns", "POST /?Action=ListTopics", "Action=CreateTopic&Name=a", {}),
        ("sqs", "POST /?QueueUrl=a", {"QueueUrl": "b"}, {"x_amz_target": "AmazonSQS.ReceiveMessage"}),
        ("xray", f"POST {FUNCTION}/invocations", {}, {"x_amz_target": "X.PutTraceSegments"}),
    ],
)
def test_a_parameter_with_two_values_is_refused(service, request_line, body, headers):
    """Authorization could read one of them, and the service the other."""
    method, _, target = request_line.partition(" ")
    path, _, query = target.partition("?")
    with pytest.raises(UnsupportedPolicyError):
        needed(service, method, path, query, body, **headers)


@pytest.mark.parametrize(
    ("service", "operation", "params", "count"),
    [
        ("kinesis", "PutRecord", {"StreamName": "a", "StreamARN": OTHER}, 2),
        ("kinesis", "PutRecord", {"StreamName": "a", "StreamARN": OTHER[:-1] + "a"}, 1),
        (
            "kinesis",
            "GetRecords",
            {"ShardIterator": "YTpzaGFyZA==", "StreamARN": OTHER},
            2,
        ),
        ("sns", "Publish", {"TopicArn": "arn:a", "TargetArn": "arn:b", "Message": "hi"}, 2),
        ("logs", "GetLogEvents", {"logGroupName": "a", "logGroupIdentifier": "b", "logStreamName": "s"}, 2),
        ("states", "ListExecutions", {"stateMachineArn": "arn:a", "mapRunArn": "arn:b"}, 2),
    ],
)
def test_each_named_resource_is_authorized(service, operation, params, count):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""
    assert len(json_call(service, operation, **params)) == count


def test_parameters_that_an_operation_does_not_have_are_not_read():
    """A service ignores them, so they must not choose the resource."""
    machine = {"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:m"}
    started = json_call("states", "StartExecution", **machine, taskToken="x", executionArn="arn:other")
    assert started == [("states:StartExecution", "states:us-east-1:1:stateMachine:m")]
    function = needed("lambda", "PUT", f"{FUNCTION}/configuration", "", {"FunctionName": "other", "Description": "d"})
    assert function == [("lambda:UpdateFunctionConfiguration", f"lambda:{HERE}:function:f")]
    mapping = needed("lambda", "DELETE", "/2015-03-31/event-source-mappings/u", "", {"FunctionName": "other"})
    assert mapping == [("lambda:DeleteEventSourceMapping", f"lambda:{HERE}:event-source-mapping:u")]


def test_a_form_with_two_keys_is_refused():
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html"""
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    form = {"content_type": "multipart/form-data; boundary=x"}
    assert needed("s3", "POST", "/b", "", f"{part.format('key', 'a')}--x--", **form) == [("s3:PutObject", "s3:::b/a")]
    with pytest.raises(UnsupportedPolicyError):
        needed("s3", "POST", "/b", "", f"{part.format('Key', 'a')}{part.format('key', 'b')}--x--", **form)


def test_a_form_is_no_call_of_a_service_with_paths():
    call = needed("s3", "PUT", "/b/k", "", "Action=ListBuckets", **FORM)
    assert call == [("s3:PutObject", "s3:::b/k")]


def test_a_request_for_a_queue_may_have_its_path():
    url = f"http://127.0.0.1:4566/{ACCOUNT}/orders"
    sent = {"body": {"QueueUrl": url}, "x_amz_target": "AmazonSQS.ReceiveMessage"}
    assert needed("sqs", path=f"/{ACCOUNT}/orders", **sent) == [("sqs:ReceiveMessage", f"sqs:{HERE}:orders")]
    with pytest.raises(UnsupportedPolicyError):
        needed("sqs", path=f"/{ACCOUNT}/others", **sent)


def test_each_key_of_delete_objects_is_authorized():
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

    Differs: the call is denied whole if one key is; AWS answers for each key on its own.
    """
    body = "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>1</VersionId></Object></Delete>"
    wanted = [("s3:DeleteObject", "s3:::b/a&b"), ("s3:DeleteObjectVersion", "s3:::b/c")]
    assert needed("s3", "POST", "/b", "delete", body) == wanted


@pytest.mark.parametrize("name", ["f", f"{ACCOUNT}:function:f", f"arn:aws:lambda:{HERE}:function:f"])
def test_invoking_is_authorized_by_function_and_qualifier(name):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html"""
    path = f"/2015-03-31/functions/{name}/invocations"
    assert needed("lambda", path=path) == [("lambda:InvokeFunction", f"lambda:{HERE}:function:f")]
    live = [("lambda:InvokeFunction", f"lambda:{HERE}:function:f:live")]
    assert needed("lambda", path=path, query="Qualifier=live") == live


@pytest.mark.parametrize(
    ("service", "operation", "params", "wanted"),
    [
        ("sns", "PublishBatch", {"TopicArn": f"arn:aws:sns:{HERE}:t"}, ("sns:Publish", f"sns:{HERE}:t")),
        ("kinesis", "PutRecord", {"StreamName": "s"}, ("kinesis:PutRecord", f"kinesis:{HERE}:stream/s")),
        (
            "states",
            "StartExecution",
            {"stateMachineArn": f"arn:aws:states:{HERE}:stateMachine:m"},
            ("states:StartExecution", f"states:{HERE}:stateMachine:m"),
        ),
        ("states", "SendTaskSuccess", {"taskToken": "t"}, ("states:SendTaskSuccess", f"states:{HERE}:stateMachine:m")),
        ("ssm", "GetParameter", {"Name": "/a/b:3"}, ("ssm:GetParameter", f"ssm:{HERE}:parameter/a/b")),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/g", "logStreamName": "s"},
            ("logs:PutLogEvents", f"logs:{HERE}:log-group:/g:log-stream:s"),
        ),
        (
            "logs",
            "CreateLogStream",
            {"logGroupName": "/g", "logStreamName": "s"},
            ("logs:CreateLogStream", f"logs:{HERE}:log-group:/g:log-stream:"),
        ),
        ("kms", "Decrypt", {"KeyId": "1234"}, ("kms:Decrypt", f"kms:{HERE}:key/1234")),
        ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::1:role/r"}, ("sts:AssumeRole", "iam::1:role/r")),
        ("glue", "GetTables", {}, ("glue:GetTables", "*")),
    ],
)
def test_resources_of_other_services(service, operation, params, wanted):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

    Differs: services other than those that functions commonly call are authorized with the resource `*`.
    """
    assert json_call(service, operation, **params) == [wanted]


def test_a_schedule_hands_the_role_of_its_target_over():
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policies.html"""
    target = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
    assert needed("scheduler", path="/schedules/s", body={"GroupName": "g", "Target": target}) == [
        ("scheduler:CreateSchedule", f"scheduler:{HERE}:schedule/g/s"),
        ("iam:PassRole", f"iam::{ACCOUNT}:role/r"),
    ]


def test_a_message_to_a_connection():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html"""
    wanted = [("execute-api:ManageConnections", f"execute-api:{HERE}:*/*/POST/@connections/abc")]
    assert needed("execute-api", path="/@connections/abc", body="hello") == wanted


def test_a_metric_is_put_in_aws_s_binary_protocol():
    """https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html"""
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert needed("monitoring", path=path, smithy_protocol="rpc-v2-cbor") == [("cloudwatch:PutMetricData", "*")]


def test_a_presigned_request_is_its_signer_s():
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""
    query = "X-Amz-Algorithm=A&X-Amz-Credential=ASIA1%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=s"
    assert scope_of(Request("GET", "/b/k", query, {}, b"")).key == "ASIA1"


def test_an_operation_that_no_model_has_is_refused():
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html

    Refused: REST requests that botocore's models do not have, by method and path.
    """
    with pytest.raises(UnsupportedPolicyError, match="PATCH /nothing"):
        needed("lambda", "PATCH", "/nothing")
