"""Stacks with HTTP APIs and function URLs."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from parts import function, output

POST = [apigateway.HttpMethod.POST]
MAPPING, VALUE = apigateway.ParameterMapping, apigateway.MappingValue
ECHO = "import json\n\ndef handler(event, context):\n"
ANSWER = (
    "return {'path': event['rawPath'], 'user': event['headers'].get('x-user'), "
    "'by': event['requestContext'].get('authorizer')}"
)


def _api(stack):
    api = apigateway.HttpApi(stack, "Api")
    output(stack, "Api", api.http_api_id)
    return api


def _queue(stack, **settings):
    queue = sqs.Queue(stack, "Queue", **settings)
    output(stack, "Queue", queue.queue_url)
    return queue


def http_api_to_bus(stack):
    """An HTTP API puts events on a bus, by CDK's own integration."""
    bus = events.EventBus(stack, "Bus")
    pattern = events.EventPattern(source=["web"])
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.SqsQueue(_queue(stack))])
    integration = integrations.HttpEventBridgeIntegration("Put", event_bus_ref=bus.event_bus_ref)
    _api(stack).add_routes(path="/events", methods=POST, integration=integration)


def http_api_to_queue(stack):
    """An HTTP API sends the body to a queue, with a header as a message attribute."""
    queue = _queue(stack)
    attributes = '{"agent": {"DataType": "String", "StringValue": "${request.header.user-agent}"}}'
    mapping = (
        MAPPING()
        .custom("QueueUrl", queue.queue_url)
        .custom("MessageBody", "$request.body")
        .custom("MessageAttributes", attributes)
    )
    integration = integrations.HttpSqsIntegration("Send", queue=queue, parameter_mapping=mapping)
    _api(stack).add_routes(path="/orders", methods=POST, integration=integration)


def http_api_to_fifo_queue(stack):
    """An HTTP API sends to a FIFO queue; the path is the message group. Another route purges the queue."""
    queue, api = _queue(stack, fifo=True, content_based_deduplication=True), _api(stack)
    mapping = (
        MAPPING()
        .custom("QueueUrl", queue.queue_url)
        .custom("MessageBody", "$request.body.note")
        .custom("MessageGroupId", "$request.path.customer")
    )
    send = integrations.HttpSqsIntegration("Send", queue=queue, parameter_mapping=mapping)
    purge = integrations.HttpSqsIntegration(
        "Purge", queue=queue, subtype=apigateway.HttpIntegrationSubtype.SQS_PURGE_QUEUE
    )
    api.add_routes(path="/notes/{customer}", methods=POST, integration=send)
    api.add_routes(path="/notes", methods=[apigateway.HttpMethod.DELETE], integration=purge)


def http_api_to_state_machine(stack):
    """An HTTP API runs an express state machine, and returns its result."""
    machine = sfn.StateMachine(
        stack,
        "Machine",
        state_machine_type=sfn.StateMachineType.EXPRESS,
        definition_body=sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Answer")),
    )
    integration = integrations.HttpStepFunctionsIntegration(
        "Run",
        state_machine=machine,
        subtype=apigateway.HttpIntegrationSubtype.STEPFUNCTIONS_START_SYNC_EXECUTION,
        parameter_mapping=MAPPING()
        .custom("StateMachineArn", machine.state_machine_arn)
        .custom("Input", "$request.body"),
    )
    _api(stack).add_routes(path="/runs", methods=POST, integration=integration)


def http_api_starts_state_machine(stack):
    """An HTTP API starts a standard state machine, by CDK's own mapping."""
    done = sfn.DefinitionBody.from_chainable(sfn.Succeed(stack, "Done"))
    machine = sfn.StateMachine(stack, "Machine", definition_body=done)
    integration = integrations.HttpStepFunctionsIntegration("Start", state_machine=machine)
    _api(stack).add_routes(path="/runs", methods=POST, integration=integration)
    output(stack, "Machine", machine.state_machine_arn)


def http_api_to_stream(stack):
    """An HTTP API writes records to a stream that a function reads. It has no construct, so the L1s do it."""
    api, stream = _api(stack), kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
    stream.grant_write(role)
    integration = apigateway.CfnIntegration(
        stack,
        "Put",
        api_id=api.http_api_id,
        integration_type="AWS_PROXY",
        integration_subtype="Kinesis-PutRecord",
        credentials_arn=role.role_arn,
        payload_format_version="1.0",
        request_parameters={
            "StreamName": stream.stream_name,
            "Data": "$request.body",
            "PartitionKey": "$request.querystring.user",
        },
    )
    target = f"integrations/{integration.ref}"
    apigateway.CfnRoute(stack, "Route", api_id=api.http_api_id, route_key="POST /clicks", target=target)
    start = lambda_.StartingPosition.TRIM_HORIZON
    function(stack).add_event_source_mapping("Source", event_source_arn=stream.stream_arn, starting_position=start)
    stream.grant_read(stack.node.find_child("Function"))


def http_api_with_lambda_authorizer(stack):
    """A Lambda authorizer with simple responses protects a route."""
    allowed = "{'isAuthorized': event['identitySource'] == ['good'], 'context': {'tenant': 't-1'}}"
    guard = function(stack, "Guard", f"return {allowed}", code=ECHO)
    authorizer = authorizers.HttpLambdaAuthorizer(
        "Authorizer", guard, response_types=[authorizers.HttpLambdaResponseType.SIMPLE]
    )
    integration = integrations.HttpLambdaIntegration("Echo", function(stack, "Function", ANSWER, code=ECHO))
    _api(stack).add_routes(path="/orders", methods=POST, integration=integration, authorizer=authorizer)


def http_api_with_parameter_mapping(stack):
    """A mapping changes headers and path of the request, and the status of the response."""
    mapping = (
        MAPPING()
        .overwrite_header("x-user", VALUE.request_query_string("user"))
        .overwrite_path(VALUE.custom("/internal"))
    )
    echo = function(stack, "Function", ANSWER, code=ECHO)
    integration = integrations.HttpLambdaIntegration("Echo", echo, parameter_mapping=mapping)
    (route,) = _api(stack).add_routes(path="/orders", methods=POST, integration=integration)
    made = route.node.find_all()
    (found,) = [each for each in made if isinstance(each, apigateway.CfnIntegration)] or [None]
    found.response_parameters = {
        "200": {"ResponseParameters": [{"Destination": "overwrite:statuscode", "Source": "202"}]}
    }


def http_api_to_url(stack):
    """An HTTP API passes requests to a URL, which is a parameter of the template."""
    url = cdk.CfnParameter(stack, "HookUrl", type="String").value_as_string
    mapping = MAPPING().append_header("x-order", VALUE.request_path_param("id"))
    integration = integrations.HttpUrlIntegration("Hook", url, parameter_mapping=mapping)
    _api(stack).add_routes(path="/orders/{id}", methods=POST, integration=integration)


def function_url(stack):
    """A function has a public URL with CORS."""
    echo = function(stack, "Function", ANSWER, code=ECHO)
    cors = lambda_.FunctionUrlCorsOptions(allowed_origins=["https://shop.example"])
    url = echo.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE, cors=cors)
    output(stack, "Url", url.url)


def function_url_calls_function_url(stack):
    """A function with a public URL calls a function whose URL requires signatures."""
    inner = function(
        stack, "Inner", "return {'by': event['requestContext']['authorizer']['iam']['userArn']}", code=ECHO
    )
    private = inner.add_function_url()
    call = """
import os
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

def handler(event, context):
    request = AWSRequest("GET", os.environ["URL"])
    SigV4Auth(Session().get_credentials(), "lambda", os.environ["AWS_REGION"]).add_auth(request)
    sent = urllib.request.Request(os.environ["URL"], headers=dict(request.headers))
    return urllib.request.urlopen(sent).read().decode()
"""
    caller = function(stack, code=call, environment={"URL": private.url}, timeout=cdk.Duration.seconds(20))
    private.grant_invoke_url(caller)
    url = caller.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
    output(stack, "Url", url.url)


def alias_with_function_url(stack):
    """An alias of a function has a URL."""
    echo = function(stack, "Function", ANSWER, code=ECHO)
    url = echo.add_alias("live").add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
    output(stack, "Url", url.url)


HTTP_STACKS = (
    http_api_to_bus,
    http_api_to_queue,
    http_api_to_fifo_queue,
    http_api_to_state_machine,
    http_api_starts_state_machine,
    http_api_to_stream,
    http_api_with_lambda_authorizer,
    http_api_with_parameter_mapping,
    http_api_to_url,
    function_url,
    function_url_calls_function_url,
    alias_with_function_url,
)
