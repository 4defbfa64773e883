"""State machines that call other services, and functions with destinations."""

import json

import pytest


@pytest.fixture
def run(strangers):
    """Run the state machine of a stack; return its status and its output."""

    def run(stack, **given):
        states, machine = strangers.client("stepfunctions"), strangers.output(stack, "Machine")
        started = states.start_execution(stateMachineArn=machine, input=json.dumps(given))
        strangers.settle()
        found = states.describe_execution(executionArn=started["executionArn"])
        return found["status"], json.loads(found.get("output", "null"))

    return run


def test_state_machine_to_queue(strangers, run):
    states, stack = strangers.client("stepfunctions"), "StateMachineToQueue"
    assert run(stack, order="o-1") == ("RUNNING", None)
    (message,) = strangers.bodies(strangers.output(stack, "Queue"))
    states.send_task_success(taskToken=message["token"], output='{"paid": true}')
    strangers.settle()
    (found,) = states.list_executions(stateMachineArn=strangers.output(stack, "Machine"))["executions"]
    assert (message["order"], found["status"]) == ("o-1", "SUCCEEDED")


def test_state_machine_to_topic_and_bus(strangers, run):
    stack = "StateMachineToTopicAndBus"
    assert run(stack, n=1)[0] == "SUCCEEDED"
    assert strangers.bodies(strangers.output(stack, "Queue")) == [{"n": 1}]
    assert [event["detail"] for event in strangers.bodies(strangers.output(stack, "Events"))] == [{"n": 1}]


def test_state_machine_of_a_file(strangers, run):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachinealias.html"""
    stack = "StateMachineOfAFile"
    assert run(stack) == ("SUCCEEDED", {"word": "hi"})
    activity = strangers.client("stepfunctions").describe_activity(activityArn=strangers.output(stack, "Activity"))
    assert activity["name"].startswith("StateMachineOfAFile")


def test_state_machine_to_functions(strangers, run):
    status, found = run("StateMachineToFunctions", items=[{"n": 1}, {"n": 2}])
    assert (status, found["found"], found["error"]["Error"]) == (
        "SUCCEEDED",
        [{"double": 2}, {"double": 4}],
        "ValueError",
    )
    assert len(strangers.seen(strangers.output("StateMachineToFunctions", "Bad"))) == 2


def test_state_machine_to_state_machine(run):
    assert run("StateMachineToStateMachine", order="o-1") == ("SUCCEEDED", {"inner": "o-1"})


def test_state_machine_to_rest_api(run):
    status, found = run("StateMachineToRestApi", n=1)
    assert (status, found["path"], json.loads(found["sent"])) == ("SUCCEEDED", "/orders", {"n": 1})


def test_function_to_function_and_topic(strangers):
    stack, invoke = "FunctionToFunctionAndTopic", strangers.client("lambda").invoke
    for payload in ('{"n": 1}', '{"bad": 1}'):
        invoke(FunctionName=strangers.output(stack), InvocationType="Event", Payload=payload)
    strangers.settle()
    assert [event.get("detail", event)["done"] for event in strangers.seen(strangers.output(stack, "After"))] == [1]
    (failure,) = strangers.bodies(strangers.output(stack, "Queue"))
    assert failure["requestPayload"] == {"bad": 1}


def test_fifo_topic_to_fifo_queue(strangers):
    stack = "FifoTopicToFifoQueue"
    for body in ("a", "b", "a"):
        strangers.client("sns").publish(TopicArn=strangers.output(stack, "Topic"), Message=body, MessageGroupId="g")
    strangers.settle()
    assert strangers.bodies(strangers.output(stack, "Queue")) == ["a", "b"]


def test_rule_to_alias(strangers):
    strangers.put(strangers.output("RuleToAlias", "Bus"), "orders", order="a")
    assert [event["detail"]["order"] for event in strangers.seen(strangers.output("RuleToAlias"))] == ["a"]
