"""Stacks with REST APIs."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from parts import function, output

ECHO = "import json\n\ndef handler(event, context):\n"
ANSWER = (
    "return {'statusCode': 201, 'body': json.dumps("
    "{'path': event['path'], 'by': event['requestContext'].get('authorizer')})}"
)


def _api(stack, **settings):
    api = apigateway.RestApi(stack, "Api", **settings)
    output(stack, "Api", api.rest_api_id)
    return api


def _role(stack):
    return iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))


def _answers(template="{}"):
    return [apigateway.IntegrationResponse(status_code="200", response_templates={"application/json": template})]


def rest_api_to_function(stack):
    """A proxy integration of all paths, with CORS."""
    handler = function(stack, "Function", ANSWER, code=ECHO)
    cors = apigateway.CorsOptions(allow_origins=["https://example.com"])
    apigateway.LambdaRestApi(stack, "Api", handler=handler, default_cors_preflight_options=cors)
    output(stack, "Api", stack.node.find_child("Api").rest_api_id)


def rest_api_with_authorizer(stack):
    """A Lambda authorizer protects a method."""
    effect = "'Allow' if event['authorizationToken'] == 'good' else 'Deny'"
    statement = f"{{'Action': 'execute-api:Invoke', 'Effect': {effect}, 'Resource': event['methodArn']}}"
    policy = f"{{'Version': '2012-10-17', 'Statement': [{statement}]}}"
    guard = function(stack, "Guard", f"return {{'principalId': 'u', 'policyDocument': {policy}}}", code=ECHO)
    authorizer = apigateway.TokenAuthorizer(stack, "Authorizer", handler=guard)
    handler = function(stack, "Function", ANSWER, code=ECHO)
    resource = _api(stack).root.add_resource("orders").add_resource("{id}")
    resource.add_method("GET", apigateway.LambdaIntegration(handler), authorizer=authorizer)


def rest_api_with_request_authorizer(stack):
    """A Lambda authorizer decides by a header and the query string; its result is not cached."""
    effect = "'Allow' if event['headers']['x-user'] == event['queryStringParameters']['user'] else 'Deny'"
    statement = f"{{'Action': 'execute-api:Invoke', 'Effect': {effect}, 'Resource': '*'}}"
    policy = f"{{'Version': '2012-10-17', 'Statement': [{statement}]}}"
    returned = f"{{'principalId': 'u', 'policyDocument': {policy}, 'context': {{'level': 3}}}}"
    guard = function(stack, "Guard", f"return {returned}", code=ECHO)
    sources = [apigateway.IdentitySource.header("x-user"), apigateway.IdentitySource.query_string("user")]
    authorizer = apigateway.RequestAuthorizer(
        stack, "Authorizer", handler=guard, identity_sources=sources, results_cache_ttl=cdk.Duration.seconds(0)
    )
    handler = apigateway.LambdaIntegration(function(stack, "Function", ANSWER, code=ECHO))
    _api(stack).root.add_method("GET", handler, authorizer=authorizer)


def rest_api_with_key_and_validator(stack):
    """A method needs an API key, a parameter and a valid body."""
    api = _api(stack)
    kind = apigateway.JsonSchemaType
    schema = apigateway.JsonSchema(
        type=kind.OBJECT, required=["n"], properties={"n": apigateway.JsonSchema(type=kind.INTEGER)}
    )
    model = api.add_model("Model", content_type="application/json", schema=schema)
    validator = api.add_request_validator("Validator", validate_request_body=True, validate_request_parameters=True)
    handler = apigateway.LambdaIntegration(function(stack, "Function", ANSWER, code=ECHO))
    api.root.add_method(
        "POST",
        handler,
        api_key_required=True,
        request_models={"application/json": model},
        request_parameters={"method.request.querystring.q": True},
        request_validator=validator,
    )
    plan = api.add_usage_plan("Plan", api_stages=[apigateway.UsagePlanPerApiStage(api=api, stage=api.deployment_stage)])
    plan.add_api_key(api.add_api_key("Key", value="a-key-of-twenty-characters"))


def rest_api_to_bus(stack):
    """A method puts its body on a bus, without a function."""
    bus, role = events.EventBus(stack, "Bus"), _role(stack)
    bus.grant_all_put_events(role)
    queue = sqs.Queue(stack, "Queue")
    output(stack, "Queue", queue.queue_url)
    pattern = events.EventPattern(source=["rest"])
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.SqsQueue(queue)])
    detail = "$util.escapeJavaScript($input.json('$'))"
    entry = (
        f'{{"Source": "rest", "DetailType": "placed", "EventBusName": "{bus.event_bus_name}", "Detail": "{detail}"}}'
    )
    options = apigateway.IntegrationOptions(
        credentials_role=role,
        request_templates={"application/json": f'{{"Entries": [{entry}]}}'},
        request_parameters={
            "integration.request.header.X-Amz-Target": "'AWSEvents.PutEvents'",
            "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
        },
        integration_responses=_answers('{"id": "$input.path(\'$.Entries[0].EventId\')"}'),
    )
    put = apigateway.AwsIntegration(service="events", action="PutEvents", options=options)
    _api(stack).root.add_method("POST", put, method_responses=[apigateway.MethodResponse(status_code="200")])


def rest_api_to_queue(stack):
    """A method sends its body to a queue."""
    queue, role = sqs.Queue(stack, "Queue"), _role(stack)
    queue.grant_send_messages(role)
    output(stack, "Queue", queue.queue_url)
    options = apigateway.IntegrationOptions(
        credentials_role=role,
        request_templates={"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"},
        request_parameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        integration_responses=_answers('{"sent": true}'),
    )
    path = f"{cdk.Aws.ACCOUNT_ID}/{queue.queue_name}"
    send = apigateway.AwsIntegration(service="sqs", path=path, options=options)
    _api(stack).root.add_method("POST", send, method_responses=[apigateway.MethodResponse(status_code="200")])


def _answered(status="200"):
    return {"method_responses": [apigateway.MethodResponse(status_code=status)]}


def rest_api_to_topic(stack):
    """A method publishes to a topic by the query protocol, and another one by parameters of the query string."""
    topic, role, queue = sns.Topic(stack, "Topic"), _role(stack), sqs.Queue(stack, "Queue")
    topic.grant_publish(role)
    topic.add_subscription(subscriptions.SqsSubscription(queue, raw_message_delivery=True))
    output(stack, "Queue", queue.queue_url)
    message = "Action=Publish&TopicArn=$util.urlEncode('{}')&Message=$util.urlEncode($input.path('$.message'))"
    form = apigateway.IntegrationOptions(
        credentials_role=role,
        request_templates={"application/json": message.format(topic.topic_arn)},
        request_parameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        integration_responses=_answers('{"sent": true}'),
    )
    query = apigateway.IntegrationOptions(
        credentials_role=role,
        request_parameters={
            "integration.request.querystring.TopicArn": f"'{topic.topic_arn}'",
            "integration.request.querystring.Message": "method.request.querystring.text",
        },
        integration_responses=_answers('{"sent": true}'),
    )
    api = _api(stack)
    api.root.add_method("POST", apigateway.AwsIntegration(service="sns", path="//", options=form), **_answered())
    publish = apigateway.AwsIntegration(service="sns", action="Publish", options=query)
    api.root.add_method("GET", publish, request_parameters={"method.request.querystring.text": True}, **_answered())


def rest_api_to_table_and_stream(stack):
    """Methods put an item, query it, and put a record on a stream that a function reads."""
    role, key = _role(stack), dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Table", partition_key=key, removal_policy=cdk.RemovalPolicy.DESTROY)
    stream = kinesis.Stream(stack, "Stream", shard_count=1, removal_policy=cdk.RemovalPolicy.DESTROY)
    table.grant_read_write_data(role)
    stream.grant_write(role)
    reader = function(stack)
    reader.add_event_source(sources.KinesisEventSource(stream, starting_position=lambda_.StartingPosition.TRIM_HORIZON))

    def add(resource, method, service, action, request, answer):
        options = apigateway.IntegrationOptions(
            credentials_role=role,
            request_templates={"application/json": request},
            integration_responses=_answers(answer),
        )
        put = apigateway.AwsIntegration(service=service, action=action, options=options)
        resource.add_method(method, put, **_answered())

    root, name = _api(stack).root, table.table_name
    item = f'{{"TableName": "{name}", "Item": {{"id": {{"S": "$input.path(\'$.id\')"}}, "n": {{"N": "1"}}}}}}'
    add(root, "POST", "dynamodb", "PutItem", item, '{"id": "$context.requestId"}')
    values = '":id": {"S": "$input.params(\'id\')"}'
    query = f'"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {{{values}}}'
    found = "[#foreach($item in $input.path('$.Items'))$item.n.N#if($foreach.hasNext),#end#end]"
    add(root.add_resource("{id}"), "GET", "dynamodb", "Query", f'{{"TableName": "{name}", {query}}}', found)
    record = f'"StreamName": "{stream.stream_name}", "Data": "$util.base64Encode($input.body)", "PartitionKey": "a"'
    add(root.add_resource("record"), "POST", "kinesis", "PutRecord", f"{{{record}}}", "{}")


def rest_api_to_bucket(stack):
    """A method puts its body into a bucket; the path has the key."""
    role, bucket = _role(stack), s3.Bucket(stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY)
    bucket.grant_put(role)
    output(stack, "Bucket", bucket.bucket_name)
    options = apigateway.IntegrationOptions(
        credentials_role=role,
        request_parameters={"integration.request.path.key": "method.request.path.key"},
        integration_responses=_answers('{"stored": true}'),
    )
    path = f"{bucket.bucket_name}/{{key}}"
    put = apigateway.AwsIntegration(service="s3", path=path, integration_http_method="PUT", options=options)
    item = _api(stack).root.add_resource("{key}")
    item.add_method("PUT", put, request_parameters={"method.request.path.key": True}, **_answered())


def rest_api_of_a_definition(stack):
    """An API of an OpenAPI document, one of whose methods needs a token of a user pool."""
    handler = function(stack, "Function", ANSWER, code=ECHO)
    handler.add_permission("Api", principal=iam.ServicePrincipal("apigateway.amazonaws.com"))
    uri = f"arn:aws:apigateway:{cdk.Aws.REGION}:lambda:path/2015-03-31/functions/{handler.function_arn}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    paths = {"/open": {"get": {"x-amazon-apigateway-integration": integration}}}
    definition = {"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths}
    api = apigateway.SpecRestApi(stack, "Api", api_definition=apigateway.ApiDefinition.from_inline(definition))
    output(stack, "Api", api.rest_api_id)


def rest_api_with_user_pool(stack):
    """A method for users of a pool, next to one for everyone."""
    pools = [cognito.UserPool(stack, "Pool")]
    users = apigateway.CognitoUserPoolsAuthorizer(stack, "Users", cognito_user_pools=pools)
    handler = apigateway.LambdaIntegration(function(stack, "Function", ANSWER, code=ECHO))
    root = _api(stack).root
    root.add_method("GET", handler, authorizer=users)
    root.add_resource("open").add_method("GET", handler)


def rest_api_to_state_machine(stack):
    """A REST API runs an express state machine, by CDK's own integration and its mapping template."""
    machine = sfn.StateMachine(
        stack,
        "Machine",
        state_machine_type=sfn.StateMachineType.EXPRESS,
        definition_body=sfn.DefinitionBody.from_chainable(
            sfn.Pass(stack, "Answer", parameters={"order": sfn.JsonPath.string_at("$.body.order")})
        ),
    )
    apigateway.StepFunctionsRestApi(stack, "Api", state_machine=machine)
    output(stack, "Api", stack.node.find_child("Api").rest_api_id)


API_STACKS = (
    rest_api_to_function,
    rest_api_with_authorizer,
    rest_api_with_request_authorizer,
    rest_api_with_key_and_validator,
    rest_api_to_bus,
    rest_api_to_queue,
    rest_api_to_topic,
    rest_api_to_table_and_stream,
    rest_api_to_bucket,
    rest_api_of_a_definition,
    rest_api_with_user_pool,
    rest_api_to_state_machine,
)
