"""Buses, rules and schedules."""


def test_rule_to_function(strangers):
    bus = strangers.output("RuleToFunction", "Bus")
    strangers.put(bus, "orders", order="a")
    strangers.put(bus, "other", order="b")
    assert [event["detail"]["order"] for event in strangers.seen(strangers.output("RuleToFunction"))] == ["a"]


def test_rule_to_queue(strangers):
    strangers.put(strangers.output("RuleToQueue", "Bus"), "orders", order="a")
    assert strangers.bodies(strangers.output("RuleToQueue", "Queue")) == [{"order": "a", "text": "from orders"}]


def test_rule_to_topic(strangers):
    for size in (1, 11):
        strangers.put(strangers.output("RuleToTopic", "Bus"), "orders", size=size)
    assert len(strangers.bodies(strangers.output("RuleToTopic", "Queue"))) == 2
    assert len(strangers.seen(strangers.output("RuleToTopic"))) == 1


def test_rule_to_stream(strangers):
    strangers.put(strangers.output("RuleToStream", "Bus"), "orders", order="a")
    (event,) = strangers.seen(strangers.output("RuleToStream"))
    assert event["Records"][0]["kinesis"]["partitionKey"] == "a"


def test_rule_to_state_machine(strangers):
    strangers.put(strangers.output("RuleToStateMachine", "Bus"), "orders", order="a")
    table = strangers.output("RuleToStateMachine", "Table")
    assert strangers.client("dynamodb").scan(TableName=table)["Items"] == [{"pk": {"S": "a"}}]


def test_rule_to_log_group(strangers):
    strangers.put(strangers.output("RuleToLogGroup", "Bus"), "orders", order="a")
    group = strangers.output("RuleToLogGroup", "Group")
    (line,) = strangers.client("logs").filter_log_events(logGroupName=group)["events"]
    assert '"order":"a"' in line["message"]


def test_rule_to_bus(strangers):
    strangers.put(strangers.output("RuleToBus", "Bus"), "orders", order="a")
    (event,) = strangers.bodies(strangers.output("RuleToBus", "Queue"))
    assert event["detail"] == {"order": "a"}


def test_rule_to_api_destination(strangers, hook):
    strangers.put(strangers.output("RuleToApiDestination", "Bus"), "orders", order="a")
    ((headers, event),) = [each for each in hook.requests if each[0]["x-api-key"] == "secret"]
    assert (headers["x-api-key"], event["detail"]) == ("secret", {"order": "a"})


def test_rule_to_node_function(strangers):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html

    Refused: an invocation of a function that is not in Python; it fails with the runtime's name.
    """
    strangers.put(strangers.output("RuleToNodeFunction", "Bus"), "orders", order="a")
    assert len(strangers.seen(strangers.output("RuleToNodeFunction"))) == 1
    assert len(strangers.bodies(strangers.output("RuleToNodeFunction", "Dead"))) == 1
    answer = strangers.client("lambda").invoke(FunctionName=strangers.output("RuleToNodeFunction", "Other"))
    assert b"is nodejs22.x" in answer["Payload"].read()


def test_archive_with_bus_policy(strangers):
    bus, events = strangers.output("ArchiveWithBusPolicy", "Bus"), strangers.client("events")
    strangers.put(bus, "orders", order="a")
    assert len(strangers.bodies(strangers.output("ArchiveWithBusPolicy", "Queue"))) == 1
    arn = events.describe_event_bus(Name=bus)["Arn"]
    assert [each["EventCount"] for each in events.list_archives(EventSourceArn=arn)["Archives"]] == [1]


def test_scheduled_rule(strangers):
    strangers.pass_time(3600)
    before = len(strangers.seen(strangers.output("ScheduledRule")))
    strangers.pass_time(3600)
    assert len(strangers.seen(strangers.output("ScheduledRule"))) == before + 1


def test_schedule_to_queue(strangers):
    strangers.pass_time(301)
    assert {"n": 1} in strangers.bodies(strangers.output("ScheduleToQueue", "Queue"))


def test_nested_stack(strangers):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html"""
    strangers.put(strangers.output("NestedStack", "Bus"), "orders", order="o-1")
    assert [event["detail"] for event in strangers.bodies(strangers.output("NestedStack", "Queue"))] == [
        {"order": "o-1"}
    ]


def test_function_in_a_vpc(strangers):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    Differs: the VPC, the web ACL and the user pool are stored with the stack; the function runs outside of a VPC.
    """
    strangers.put(strangers.output("FunctionInAVpc", "Bus"), "orders", order="o-1")
    assert [event["detail"] for event in strangers.seen(strangers.output("FunctionInAVpc"))] == [{"order": "o-1"}]
