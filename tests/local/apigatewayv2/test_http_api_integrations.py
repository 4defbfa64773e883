"""Service integrations, HTTP proxies and payload format 1.0 of HTTP APIs."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError
from http_kit import HttpApi

pytest_plugins = ["http_fixtures"]

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:"
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WAIT = json.dumps(
    {
        "StartAt": "W",
        "States": {"W": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": True}},
    }
)


@pytest.fixture(scope="module")
def role(empty_cloud):
    """A role that allows everything."""
    iam = empty_cloud.client("iam")
    made = iam.create_role(RoleName="gateway", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="gateway", PolicyName="all", PolicyDocument=json.dumps(allow))
    yield made
    empty_cloud.reset()


@pytest.fixture(scope="module")
def integrate(empty_cloud, role):
    """Create an API with one integration behind all its routes."""
    gateway = empty_cloud.client("apigatewayv2")

    def integrate(subtype=None, parameters=None, **given):
        api = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        of_service = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": subtype, "CredentialsArn": role}
        given = {**(of_service if subtype else {}), "PayloadFormatVersion": "1.0", **given}
        made = gateway.create_integration(ApiId=api, RequestParameters=parameters or {}, **given)["IntegrationId"]
        gateway.create_route(ApiId=api, RouteKey="ANY /{proxy+}", Target=f"integrations/{made}")
        gateway.create_stage(ApiId=api, StageName="$default")
        return HttpApi(empty_cloud, api)

    return integrate


@pytest.fixture(scope="module")
def queue(empty_cloud):
    return empty_cloud.client("sqs").create_queue(QueueName="orders")["QueueUrl"]


def received(cloud, url):
    """Receive the messages of a queue."""
    found = cloud.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return found.get("Messages", [])


def test_put_events_integration_puts_an_event(empty_cloud, integrate, queue):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#EventBridge-PutEvents"""
    events = empty_cloud.client("events")
    events.put_rule(Name="all", EventPattern='{"source": ["web"]}')
    arn = "arn:aws:sqs:us-east-1:123456789012:orders"
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    empty_cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": arn}])
    mapping = {
        "Source": "web",
        "DetailType": "$request.querystring.kind",
        "Detail": "$request.body",
        "Time": "2024-01-02T03:04:05Z",
        "Resources": '["a", "b"]',
    }
    response = integrate("EventBridge-PutEvents", mapping).send("POST", "/x?kind=placed", {"n": 1})
    empty_cloud.settle()
    (message,) = received(empty_cloud, queue)
    event = json.loads(message["Body"])
    assert (response.status, json.loads(response.body)["Entries"][0]["EventId"]) == (200, event["id"])
    assert (event["detail-type"], event["detail"], event["time"]) == ("placed", {"n": 1}, "2024-01-02T03:04:05Z")
    assert event["resources"] == ["a", "b"]


def test_send_message_integration_sends_body_and_attributes(empty_cloud, integrate, queue):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#SQS-SendMessage

    Differs: AWS does not document the format of the response; the local cloud returns that of the JSON protocol.
    """
    attributes = '{"agent": {"DataType": "String", "StringValue": "${request.header.user-agent}"}}'
    mapping = {"QueueUrl": queue, "MessageBody": "$request.body.order", "MessageAttributes": attributes}
    api = integrate("SQS-SendMessage", mapping)
    response = api.send("POST", "/x", {"order": "o-1"}, user_agent='say "hi"')
    (message,) = received(empty_cloud, queue)
    assert json.loads(response.body)["MessageId"] == message["MessageId"]
    assert (message["Body"], message["MessageAttributes"]["agent"]["StringValue"]) == ("o-1", 'say "hi"')


def test_request_without_a_mapped_value_is_a_bad_request(empty_cloud, integrate, queue):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html"""
    mapping = {"QueueUrl": queue, "MessageBody": "$request.body.order", "DelaySeconds": "$request.querystring.delay"}
    api = integrate("SQS-SendMessage", mapping)
    sent = [api.send("POST", "/x?delay=0", {}), api.send("POST", "/x?delay=soon", {"order": "o-1"})]
    assert [(each.status, each.body) for each in sent] == [(400, b'{"message":"Bad Request"}')] * 2
    assert received(empty_cloud, queue) == []


def test_queue_is_received_deleted_and_purged(empty_cloud, integrate):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#SQS-ReceiveMessage"""
    sqs = empty_cloud.client("sqs")
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    receive = integrate("SQS-ReceiveMessage", {"QueueUrl": url, "AttributeName": "All", "MaxNumberOfMessages": "1"})
    (message,) = json.loads(receive.send("GET", "/x").body)["Messages"]
    delete = {"QueueUrl": url, "ReceiptHandle": "$request.body.handle"}
    deleted = integrate("SQS-DeleteMessage", delete).send("POST", "/x", {"handle": message["ReceiptHandle"]})
    purged = integrate("SQS-PurgeQueue", {"QueueUrl": url}).send("POST", "/x")
    assert (message["Attributes"]["ApproximateReceiveCount"], deleted.status, purged.status) == ("1", 200, 200)
    assert received(empty_cloud, url) == []


def test_put_record_integration_writes_the_body_as_data(empty_cloud, integrate):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#Kinesis-PutRecord"""
    kinesis = empty_cloud.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    mapping = {"StreamName": "clicks", "Data": "$request.body", "PartitionKey": "$request.path.proxy"}
    response = integrate("Kinesis-PutRecord", mapping).send("POST", "/u-1", {"n": 1})
    given = {"StreamName": "clicks", "ShardId": json.loads(response.body)["ShardId"]}
    iterator = kinesis.get_shard_iterator(**given, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert (record["PartitionKey"], json.loads(record["Data"])) == ("u-1", {"n": 1})


def test_state_machine_is_started_and_stopped(empty_cloud, integrate, role):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#StepFunctions-StartExecution"""
    states = empty_cloud.client("stepfunctions")
    states.create_activity(name="a")
    states.create_state_machine(name="m", definition=WAIT, roleArn=role)
    mapping = {"StateMachineArn": f"{MACHINE}m", "Input": "$request.body.given", "Name": "$request.body.name"}
    started = integrate("StepFunctions-StartExecution", mapping).send("POST", "/x", {"name": "e-1", "given": {"n": 1}})
    execution = {"executionArn": f"{EXECUTION}e-1"}
    assert json.loads(started.body)["executionArn"] == execution["executionArn"]
    assert json.loads(states.describe_execution(**execution)["input"]) == {"n": 1}
    stop = {"ExecutionArn": "$request.body.arn", "Cause": "by a test"}
    assert integrate("StepFunctions-StopExecution", stop).send("POST", "/x", {"arn": f"{EXECUTION}e-1"}).status == 200
    empty_cloud.settle()
    assert states.describe_execution(**execution)["status"] == "ABORTED"


def test_express_state_machine_returns_its_output(empty_cloud, integrate, role):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html#StepFunctions-StartSyncExecution"""
    empty_cloud.client("stepfunctions").create_state_machine(name="x", definition=PASS, roleArn=role, type="EXPRESS")
    mapping = {"StateMachineArn": f"{MACHINE}x", "Input": "$request.body"}
    response = integrate("StepFunctions-StartSyncExecution", mapping).send("POST", "/x", {"n": 1})
    result = json.loads(response.body)
    assert (result["status"], json.loads(result["output"])) == ("SUCCEEDED", {"n": 1})


def test_role_of_an_integration_needs_permission(empty_cloud, integrate, queue):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html"""
    iam = empty_cloud.client("iam")
    poor = iam.create_role(RoleName="poor", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machine = {"StateMachineArn": f"{MACHINE}x"}
    response = integrate("StepFunctions-StartExecution", machine, CredentialsArn=poor).send("POST", "/x")
    assert (response.status, b"AccessDenied" in response.body) == (400, True)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"subtype": "SQS-Send"}, "Operation: SQS-Send is not supported"),
        ({"subtype": "SQS-SendMessage", "parameters": {"QueueUrl": "q"}}, "Parameter: MessageBody does not exist"),
        ({"subtype": "SQS-PurgeQueue", "parameters": {"QueueUrl": "q", "Body": "b"}}, "Parameter: Body does not fit"),
        ({"subtype": "SQS-PurgeQueue", "PayloadFormatVersion": "2.0"}, "PayloadFormatVersion 2.0"),
        ({"IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "3.0"}, "PayloadFormatVersion 3.0"),
        ({"IntegrationType": "MOCK"}, "does not serve integrations with IntegrationType 'MOCK'"),
        ({"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://example.com"}, "URLs of this machine only"),
        ({"subtype": "AppConfig-GetConfiguration"}, "AppConfig-GetConfiguration"),
    ],
)
def test_invalid_integration_is_rejected(integrate, given, named):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html

    Refused: AppConfig, private integrations, and HTTP endpoints of other machines.
    """
    with pytest.raises(ClientError, match=named):
        integrate(**given)


def test_update_of_an_integration_is_checked_with_what_it_leaves(empty_cloud, integrate, queue):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations-integrationid.html"""
    gateway, api = empty_cloud.client("apigatewayv2"), integrate("SQS-PurgeQueue", {"QueueUrl": queue}).id
    known = {"ApiId": api, "IntegrationId": gateway.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]}
    gateway.update_integration(**known, TimeoutInMillis=50)
    with pytest.raises(ClientError, match="MessageBody does not exist"):
        gateway.update_integration(**known, IntegrationSubtype="SQS-SendMessage")


@pytest.fixture(scope="module")
def endpoint():
    """A server that returns the request it received, with status 418."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            body = json.dumps({"path": self.path, "kind": self.headers["x-kind"], "sent": sent}).encode()
            self.send_response(418)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_http_proxy_passes_the_request_with_its_mappings(integrate, endpoint):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html"""
    responses = {"418": {"overwrite:statuscode": "403", "append:header.path": "$response.body.path"}}
    api = integrate(
        None,
        {"append:header.x-kind": "$request.path.proxy"},
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=f"{endpoint}/api/{{proxy}}",
        ResponseParameters=responses,
    )
    response = api.send("POST", "/orders?a=1", {"n": 1})
    assert (response.status, response.headers["path"]) == (403, "/api/orders?a=1")
    assert json.loads(response.body) == {"path": "/api/orders?a=1", "kind": "orders", "sent": '{"n": 1}'}


def test_http_endpoint_that_does_not_respond_is_unavailable(integrate):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html"""
    api = integrate(IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri="http://127.0.0.1:1/")
    assert api.send("GET", "/x").status == 503


def test_function_receives_payload_format_1(integrate, echo, empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    empty_cloud.client("lambda").add_permission(
        FunctionName=echo, StatementId="any", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    api = integrate(IntegrationType="AWS_PROXY", IntegrationUri=echo)
    event = api.event("GET", "/orders?a=1&a=2")
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/{proxy+}", "/orders")
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    without_status = api.send("POST", "/orders", {"result": {"n": 1}})
    assert without_status.status == 500


def test_quick_create_routes_all_requests_to_a_function(empty_cloud, echo):
    """https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html#apis-prop-createapiinput-target"""
    made = empty_cloud.client("apigatewayv2").create_api(Name="quick", ProtocolType="HTTP", Target=echo)
    assert HttpApi(empty_cloud, made["ApiId"]).event("GET", "/any")["routeKey"] == "$default"


def test_web_socket_api_is_refused(empty_cloud):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html

    Refused: WebSocket APIs.
    """
    with pytest.raises(ClientError, match="not the ProtocolType WEBSOCKET"):
        empty_cloud.client("apigatewayv2").create_api(Name="chat", ProtocolType="WEBSOCKET")
