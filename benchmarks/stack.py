"""The stack that every subject runs, as one CloudFormation template."""

import json
from pathlib import Path
from typing import Any

HOPS = 5
TASKS = 3
BUS, MANY = "bench", "many"
"""The measured bus, and the bus with a growing number of rules."""

ROUTES = {"Sink": "sink", **{f"Hop{hop}": "hop" for hop in range(1, HOPS + 1)}}
"""Handlers of the functions that are targets of rules on BUS. Rule, function and detail-type have the same name."""

STEPS = [f"Task{task}" for task in range(1, TASKS + 1)]
MACHINE = "bench-steps"
SOURCE = Path(__file__).with_name("started") / "handlers.py"

Resource = dict[str, Any]


def template(record: Path) -> dict[str, Any]:
    """Return the template. Its functions write to `record`."""
    resources: dict[str, Resource] = {"Bus": _bus(BUS), "Many": _bus(MANY), "Role": _role()}
    for name, handler in ROUTES.items():
        resources |= {name: _function(name, handler, record), **_rule(name, f"{name}Rule", "Bus")}
    resources |= _rule("Sink", "ManyRule", "Many")
    for name in STEPS:
        resources[name] = _function(name, "task", record)
    resources["Machine"] = _machine()
    return {"Resources": resources}


def write_assembly(folder: Path, record: Path) -> Path:
    """Write the template as a cloud assembly, like `cdk synth`."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "Bench.template.json"},
    }
    (folder / "Bench.template.json").write_text(json.dumps(template(record)))
    (folder / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": {"Bench": stack}}))
    return folder


def other_pattern(number: int) -> dict[str, Any]:
    """Return the pattern of a rule that no event matches."""
    kinds: list[dict[str, Any]] = [
        {"source": ["bench"], "detail-type": [f"Other{number}"]},
        {"source": ["bench"], "detail": {"kind": [f"kind-{number}"]}},
        {"source": [{"prefix": f"other.{number}."}]},
    ]
    return kinds[number % len(kinds)]


def function_name(name: str) -> str:
    """Return the function name of a logical id."""
    return f"bench-{name.lower()}"


def matching_pattern() -> dict[str, Any]:
    """Return the pattern of the rule for the sink."""
    return {"source": ["bench"], "detail-type": ["Sink"]}


def _bus(name: str) -> Resource:
    return {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}}


def _role() -> Resource:
    principals = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}]}
    allowed = ["events:PutEvents", "lambda:InvokeFunction", "logs:*"]
    may = {"Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", **trust},
        "Policies": [{"PolicyName": "bench", "PolicyDocument": {"Version": "2012-10-17", **may}}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _function(name: str, handler: str, record: Path) -> Resource:
    properties = {
        "FunctionName": function_name(name),
        "Runtime": "python3.13",
        "Handler": f"index.{handler}",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Timeout": 60,
        "MemorySize": 256,
        "Environment": {"Variables": {"BENCH_RECORD": str(record)}},
        "Code": {"ZipFile": SOURCE.read_text()},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def _rule(function: str, name: str, bus: str) -> dict[str, Resource]:
    arn = {"Fn::GetAtt": [function, "Arn"]}
    rule = {
        "Name": name,
        "EventBusName": {"Ref": bus},
        "EventPattern": {"source": ["bench"], "detail-type": [function]},
        "Targets": [{"Id": "function", "Arn": arn}],
    }
    permission = {
        "FunctionName": {"Ref": function},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": [name, "Arn"]},
    }
    return {
        name: {"Type": "AWS::Events::Rule", "Properties": rule},
        f"{name}Permission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }


def _machine() -> Resource:
    states = {
        name: {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": f"${{{name}}}", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            **({"Next": following} if following else {"End": True}),
        }
        for name, following in zip(STEPS, [*STEPS[1:], None], strict=True)
    }
    properties = {
        "StateMachineName": MACHINE,
        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DefinitionString": json.dumps({"StartAt": STEPS[0], "States": states}),
        "DefinitionSubstitutions": {name: {"Fn::GetAtt": [name, "Arn"]} for name in STEPS},
    }
    return {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
