"""Templates of other constructs: other notations, and resources that cannot be read."""

import json

import pytest
from handmade import assembly, att, graph, of

from millrace.events import Event


class Rung(Event, source="test.bell", external=True):
    pass


def rule(target, **more):
    pattern = {"source": ["test.bell"]}
    return of("Events::Rule", EventPattern=pattern, Targets=[{"Id": "T", "Arn": target}], **more)


def delivered(found):
    return [(edge.source, edge.target) for edge in found.edges if edge.kind == "delivers"]


@pytest.mark.parametrize(
    "target",
    [
        att("Queue"),
        {"Fn::GetAtt": "Queue.Arn"},
        {"Fn::Sub": "${Queue.Arn}"},
        {"Fn::Join": [":", ["arn", {"Ref": "Queue"}]]},
        "arn:aws:sqs:us-east-1:123456789012:bells",
    ],
)
def test_target_is_found_in_each_notation(tmp_path, target):
    found = graph(tmp_path, Rung, S={"Queue": of("SQS::Queue", QueueName="bells"), "Rule": rule(target)})
    assert delivered(found) == [("S/Rule", "S/Queue")]


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ({"Fn::ImportValue": "the-queue"}, {"Value": att("Queue"), "Export": {"Name": "the-queue"}}),
        ({"Fn::GetStackOutput": {"StackName": "A", "OutputName": "Out"}}, {"Value": att("Queue")}),
    ],
)
def test_target_in_another_stack_is_found_by_its_output(tmp_path, named, given):
    one = {"Resources": {"Queue": of("SQS::Queue")}, "Outputs": {"Out": given}}
    assert delivered(graph(tmp_path, Rung, A=one, B={"Rule": rule(named)})) == [("B/Rule", "A/Queue")]


def test_alias_resolves_to_its_function(tmp_path):
    alias = of("Lambda::Alias", FunctionName={"Ref": "Function"}, Name="live")
    found = graph(
        tmp_path, Rung, S={"Function": of("Lambda::Function"), "Alias": alias, "Rule": rule({"Ref": "Alias"})}
    )
    assert delivered(found) == [("S/Rule", "S/Function")]


def test_resource_of_another_account_is_no_node(tmp_path):
    mapping = of("Lambda::EventSourceMapping", FunctionName="theirs", EventSourceArn="arn:aws:sqs:eu-west-1:1:theirs")
    assert graph(tmp_path, S={"Mapping": mapping, "Rule": rule("arn:aws:sqs:eu-west-1:1:theirs")}).edges == ()


def test_rule_matches_no_event_of_another_bus(tmp_path):
    statement = {
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": att("One"),
        "Condition": {"StringEquals": {"events:source": "test.bell", "events:detail-type": "Rung"}},
    }
    ring = of("Lambda::Function", Role=att("Role"))
    ring["Metadata"] = {"millrace": {"function": "ring", "declaration": {"publishes": ["test.bell:Rung"]}}}
    found = graph(
        tmp_path,
        S={
            "One": of("Events::EventBus", Name="one"),
            "Other": of("Events::EventBus", Name="other"),
            "Role": of("IAM::Role", Policies=[{"PolicyDocument": {"Statement": statement}}]),
            "Ring": ring,
            "Mine": rule(att("Ring"), EventBusName={"Ref": "One"}),
            "Theirs": rule(att("Ring"), EventBusName={"Ref": "Other"}),
        },
    )
    assert [edge.target for edge in found.out("test.bell:Rung", "matches")] == ["S/Mine"]


DEFINITION = {
    "StartAt": "Ring",
    "States": {
        "Ring": {"Type": "Task", "Resource": "${Function.Arn}", "Next": "Store"},
        "Store": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": {"T": "${Table}"}},
    },
}


WHOLE = json.dumps(DEFINITION).replace('"${Function.Arn}"', '{"Fn::GetAtt": ["Function", "Arn"]}')


@pytest.mark.parametrize(
    "definition",
    [
        {"DefinitionString": {"Fn::Sub": json.dumps(DEFINITION)}},
        {"Definition": json.loads(WHOLE)},
    ],
)
def test_definition_is_read_in_each_notation(tmp_path, definition):
    machine = of("StepFunctions::StateMachine", **definition)
    found = graph(tmp_path, S={"Function": of("Lambda::Function"), "Table": of("DynamoDB::Table"), "Machine": machine})
    assert [edge.target for edge in found.out("S/Machine", "invokes")] == ["S/Function"]


def test_checks_accept_resources_of_other_constructs(tmp_path):
    from millrace.flow.checking import findings, read_system

    machine = of("StepFunctions::StateMachine", DefinitionS3Location={"Bucket": "b", "Key": "k"})
    stack = {"Function": of("Lambda::Function"), "Machine": machine, "Rule": rule(att("Function"))}
    assembly(tmp_path, S=stack)
    found = findings(read_system(tmp_path, [Rung], tmp_path))
    assert {each.check for each in found} == {"missing-failure-path"}
    assert [each.subject for each in found] == ["S/Rule", "S/Function", "S/Machine"]


def test_definition_in_s3_has_no_steps(tmp_path):
    machine = of("StepFunctions::StateMachine", DefinitionS3Location={"Bucket": "b", "Key": "k"})
    assert graph(tmp_path, S={"Machine": machine}).edges == ()


def test_invalid_pattern_matches_nothing(tmp_path):
    broken = of("Events::Rule", EventPattern={"source": [{"prefixx": "test"}]}, Targets=[])
    assert graph(tmp_path, Rung, S={"Rule": broken}).into("S/Rule", "matches") == []


def test_stacks_of_a_stage_are_read(tmp_path):
    inner = tmp_path / "assembly-Stage"
    inner.mkdir()
    assembly(inner, S={"Queue": of("SQS::Queue")})
    stage = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Stage"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"Stage": stage}}))
    from millrace.flow import Assembly

    assert [resource.id for resource in Assembly(tmp_path)] == ["S.Queue"]


def test_schedule_publishes_its_event_with_the_permission_of_its_role(tmp_path):
    allowed = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": att("Bus")}
    role = of("IAM::Role", Policies=[{"PolicyDocument": {"Statement": [allowed]}}])
    schedule = of("Scheduler::Schedule", Target={"Arn": att("Bus"), "RoleArn": att("Role")})
    schedule["Metadata"] = {"millrace": {"declaration": {"consumes": [], "publishes": ["shop.clock:NightEnded"]}}}
    read = graph(tmp_path, S={"Bus": of("Events::EventBus", Name="shop"), "Role": role, "Nightly": schedule})
    (edge,) = read.into("shop.clock:NightEnded", "publishes")
    assert (read[edge.source].kind, edge.resources) == ("schedule", ("S.Role",))
    assert [to.target for to in read.out(edge.source, "delivers")] == [read.of("bus")[0].id]
