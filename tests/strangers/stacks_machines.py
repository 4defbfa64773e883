"""Stacks whose state machines call other services, and functions with destinations."""

import tempfile
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from parts import PRINT, function, output

ALL = sfn.TaskInput.from_json_path_at("$")


def _machine(stack, first, name="Machine", **settings):
    made = sfn.StateMachine(stack, name, definition_body=sfn.DefinitionBody.from_chainable(first), **settings)
    output(stack, name, made.state_machine_arn)
    return made


def _queue(stack, name="Queue", **settings):
    queue = sqs.Queue(stack, name, **settings)
    output(stack, name, queue.queue_url)
    return queue


def state_machine_to_queue(stack):
    """A state machine sends a message, and waits until its task token comes back."""
    body = sfn.TaskInput.from_object({"token": sfn.JsonPath.task_token, "order": sfn.JsonPath.string_at("$.order")})
    pattern = sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN
    _machine(
        stack, tasks.SqsSendMessage(stack, "Send", queue=_queue(stack), message_body=body, integration_pattern=pattern)
    )


def state_machine_to_topic_and_bus(stack):
    """A state machine publishes to a topic and to a bus, in parallel."""
    topic, bus = sns.Topic(stack, "Topic"), events.EventBus(stack, "Bus")
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    pattern = events.EventPattern(source=["machine"])
    target = targets.SqsQueue(_queue(stack, "Events"))
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[target])
    publish = tasks.SnsPublish(stack, "Publish", topic=topic, message=ALL)
    entry = tasks.EventBridgePutEventsEntry(detail=ALL, detail_type="done", source="machine", event_bus=bus)
    both = sfn.Parallel(stack, "Both")
    both.branch(publish)
    both.branch(tasks.EventBridgePutEvents(stack, "Put", entries=[entry]))
    _machine(stack, both)


def state_machine_to_functions(stack):
    """A state machine invokes a function for each item, and retries it."""
    fail_once = "raise ValueError('bad')"
    work = function(stack, "Function", "return {'double': event['n'] * 2}")
    bad = function(stack, "Bad", fail_once)
    invoke = tasks.LambdaInvoke(stack, "Work", lambda_function=work, payload_response_only=True)
    each = sfn.Map(stack, "Each", items_path="$.items", result_path="$.found").item_processor(invoke)
    failing = tasks.LambdaInvoke(stack, "Fail", lambda_function=bad, retry_on_service_exceptions=False)
    failing.add_retry(errors=["ValueError"], max_attempts=1, interval=cdk.Duration.seconds(5))
    failing.add_catch(sfn.Pass(stack, "Caught"), errors=["ValueError"], result_path="$.error")
    _machine(stack, each.next(failing))


def state_machine_to_state_machine(stack):
    """A state machine runs another one, and gets its output."""
    inner = _machine(stack, sfn.Pass(stack, "Inside", parameters={"inner": sfn.JsonPath.string_at("$.order")}), "Inner")
    run = tasks.StepFunctionsStartExecution(
        stack,
        "Run",
        state_machine=inner,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        input=ALL,
        output_path="$.Output",
    )
    _machine(stack, run)


def state_machine_to_rest_api(stack):
    """A state machine calls a REST API with its role."""
    answer = "return {'statusCode': 200, 'body': json.dumps({'path': event['path'], 'sent': event['body']})}"
    handler = apigateway.LambdaIntegration(function(stack, "Function", answer))
    api = apigateway.RestApi(stack, "Api")
    signed = apigateway.AuthorizationType.IAM
    api.root.add_resource("orders").add_method("POST", handler, authorization_type=signed)
    call = tasks.CallApiGatewayRestApiEndpoint(
        stack,
        "Call",
        api=api,
        stage_name="prod",
        method=tasks.HttpMethod.POST,
        api_path="/orders",
        auth_type=tasks.AuthType.IAM_ROLE,
        request_body=ALL,
        output_path="$.ResponseBody",
    )
    _machine(stack, call)


def function_to_function_and_topic(stack):
    """The results of a function go to another function, its failures to a topic."""
    topic = sns.Topic(stack, "Topic")
    topic.add_subscription(subscriptions.SqsSubscription(_queue(stack), raw_message_delivery=True))
    after = function(stack, "After")
    function(
        stack,
        "Function",
        'if "bad" in event: raise ValueError("bad")',
        'return {"done": event["n"]}',
        code=PRINT,
        on_success=destinations.LambdaDestination(after, response_only=True),
        on_failure=destinations.SnsDestination(topic),
        retry_attempts=0,
    )


def fifo_topic_to_fifo_queue(stack):
    """A FIFO topic delivers to a FIFO queue in order, once per content."""
    topic = sns.Topic(stack, "Topic", fifo=True, content_based_deduplication=True)
    queue = _queue(stack, fifo=True, content_based_deduplication=True)
    topic.add_subscription(subscriptions.SqsSubscription(queue, raw_message_delivery=True))
    output(stack, "Topic", topic.topic_arn)


def rule_to_alias(stack):
    """A rule invokes the alias of a function."""
    bus, live = events.EventBus(stack, "Bus"), function(stack).add_alias("live")
    output(stack, "Bus", bus.event_bus_name)
    pattern = events.EventPattern(source=["orders"])
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=pattern, targets=[targets.LambdaFunction(live)])


def state_machine_of_a_file(stack):
    """A state machine whose definition is a file, with a version, an alias and an activity."""
    folder = Path(tempfile.mkdtemp())
    (folder / "machine.asl.json").write_text(
        '{"StartAt": "Answer", "States": {"Answer": {"Type": "Pass", "Result": {"word": "${Word}"}, "End": true}}}'
    )
    machine = sfn.StateMachine(
        stack,
        "Machine",
        definition_body=sfn.DefinitionBody.from_file(str(folder / "machine.asl.json")),
        definition_substitutions={"Word": "hi"},
    )
    version = sfn.CfnStateMachineVersion(
        stack,
        "Version",
        state_machine_arn=machine.state_machine_arn,
        state_machine_revision_id=machine.state_machine_revision_id,
    )
    preference = sfn.CfnStateMachineAlias.DeploymentPreferenceProperty(
        state_machine_version_arn=version.attr_arn, type="CANARY", interval=5, percentage=10
    )
    alias = sfn.CfnStateMachineAlias(stack, "Alias", name="live", deployment_preference=preference)
    output(stack, "Machine", alias.attr_arn)
    output(stack, "Activity", sfn.Activity(stack, "Activity").activity_arn)


MACHINE_STACKS = (
    state_machine_of_a_file,
    state_machine_to_queue,
    state_machine_to_topic_and_bus,
    state_machine_to_functions,
    state_machine_to_state_machine,
    state_machine_to_rest_api,
    function_to_function_and_topic,
    fifo_topic_to_fifo_queue,
    rule_to_alias,
)
