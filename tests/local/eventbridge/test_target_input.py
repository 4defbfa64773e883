"""Input, InputPath and InputTransformer of a target."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from bus_kit import entry

from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.services.eventbridge.target_input import InputTransformError, target_input

pytest_plugins = ["bus_fixtures"]


RULE = SimpleNamespace(arn="arn:aws:events:us-east-1:123456789012:rule/shop/r", name="r")
EVENT = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {
        "instance-id": "i-0123456789",
        "state": "RUNNING",
        "count": 3,
        "on": True,
        "none": None,
        "tags": ["a", "b"],
        "owner": {"name": "ann", "cats": 2},
        "quote": 'a "quoted" word',
    },
}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "count": "$.detail.count",
    "on": "$.detail.on",
    "none": "$.detail.none",
    "tags": "$.detail.tags",
    "owner": "$.detail.owner",
    "quote": "$.detail.quote",
    "missing": "$.detail.nothing",
}


def transformed(template, paths=PATHS):
    target = {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    return target_input(EVENT, target, RULE, 1_700_000_000.5)


def test_target_without_input_receives_minified_event():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    assert target_input(EVENT, {}, RULE, 0) == json.dumps(EVENT, separators=(",", ":"))


def test_input_replaces_event_unchanged():
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html"""
    assert target_input(EVENT, {"Input": '{ "a": 1 }'}, RULE, 0) == '{ "a": 1 }'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("$", json.dumps(EVENT, separators=(",", ":"))),
        ("$.detail.owner", '{"name":"ann","cats":2}'),
        ("$.detail.state", '"RUNNING"'),
        ("$.detail.tags[1]", '"b"'),
        ("$.detail.tags[*]", '["a","b"]'),
        ("$.detail-type", '"EC2 Instance State-change Notification"'),
    ],
)
def test_input_path_selects_part_of_event_as_json(path, text):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html"""
    assert target_input(EVENT, {"InputPath": path}, RULE, 0) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [("$.a.b-c_d", 1), ("$.list[0].x", 2), ("$.list[7]", MISSING), ("$.a.z", MISSING), ("$.list[*].x", [2, 3])],
)
def test_json_path_supports_names_indices_and_wildcards(path, found):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""
    assert find({"a": {"b-c_d": 1}, "list": [{"x": 2}, {"x": 3}]}, path) == found


@pytest.mark.parametrize("path", ["detail", "$detail", "$.a[?(@.x)]", "$['a']", "$..a"])
def test_other_json_path_syntax_is_rejected(path):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    Refused: AWS evaluates paths at run time and does not document these.
    """
    with pytest.raises(JsonPathError):
        find({}, path)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"instance \\"<instance>\\" is in <state>"', '"instance \\"i-0123456789\\" is in RUNNING"'),
        ('"{[/ <state>"', '"{[/ RUNNING"'),
        ('"one <instance>"\n"two <state>"', '"one i-0123456789"\n"two RUNNING"'),
        ("<instance> is in state <state>", "i-0123456789 is in state RUNNING"),
        ('"<aws.events.rule-name> triggered"', '"r triggered"'),
    ],
)
def test_text_template_is_filled_with_text(template, text):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-examples"""
    assert transformed(template) == text


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ('{ "instance" : <instance>, "state": <state> }', {"instance": "i-0123456789", "state": "RUNNING"}),
        (
            '{"state": "<state>", "status": "instance \\"<instance>\\" is in <state>"}',
            {"state": "RUNNING", "status": 'instance "i-0123456789" is in RUNNING'},
        ),
        ('{"state": [9, <state>, true], "t": "Yes"}', {"state": [9, "RUNNING", True], "t": "Yes"}),
        ('{"n": <count>, "b": <on>, "z": <none>}', {"n": 3, "b": True, "z": None}),
        (
            '{"l": <tags>, "o": <owner>, "q": <quote>}',
            {k: EVENT["detail"][v] for k, v in zip("loq", ("tags", "owner", "quote"), strict=True)},
        ),
        ("[<count>, <state>]", [3, "RUNNING"]),
    ],
)
def test_json_template_is_filled_with_json(template, value):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-examples"""
    assert json.loads(transformed(template)) == value


def test_json_of_template_is_minified():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues"""
    assert transformed('{\n  "a" : <count>\n}') == '{"a":3}'


def test_object_or_array_inside_a_string_loses_its_quotes():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues"""
    assert transformed('"<owner> and <tags>"') == '"{name:ann,cats:2} and [a,b]"'


@pytest.mark.parametrize("name", ["tags", "owner"])
def test_object_or_array_inside_a_string_of_a_json_template_is_invalid(name):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues"""
    with pytest.raises(InputTransformError, match="gives no valid JSON"):
        transformed(f'{{"a": "<{name}>"}}')


def test_path_without_a_value_is_empty():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues"""
    assert transformed('"so <missing>."') == '"so ."'
    assert json.loads(transformed('{"a": <missing>, "b": "<missing>"}')) == {"a": "", "b": ""}


def test_values_are_not_escaped_and_can_break_json():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues"""
    with pytest.raises(InputTransformError, match="no valid JSON"):
        transformed('{"a": "<quote>"}')


def test_predefined_variables_contain_rule_and_event():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined"""
    made = json.loads(
        transformed(
            '{"arn": <aws.events.rule-arn>, "name": <aws.events.rule-name>, "at": <aws.events.event.ingestion-time>,'
            ' "event": <aws.events.event>, "all": <aws.events.event.json>}',
            {},
        )
    )
    without = {name: value for name, value in EVENT.items() if name not in ("detail", "detail-type")}
    assert made == {
        "arn": RULE.arn,
        "name": "r",
        "at": "2023-11-14T22:13:20Z",
        "event": without | {"detailType": EVENT["detail-type"]},
        "all": EVENT,
    }


def test_event_with_invalid_json_input_becomes_dead_letter(send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    observer, dead = queue(), queue("dead")
    broken = {"InputPathsMap": {"quote": "$.detail.quote"}, "InputTemplate": '{"a": "<quote>"}'}
    rule(observer.arn, InputTransformer=broken, DeadLetterConfig={"Arn": dead.arn})
    send({"quote": '"'})
    assert observer.messages() == []
    assert dead.messages()[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"


def test_each_target_of_a_rule_has_its_own_input(send, events, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html"""
    first, second, third = queue(), queue("second"), queue("third")
    rule(first.arn, InputPath="$.detail")
    template = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '"n is <n>, of <aws.events.rule-name>"'}
    targets = [
        {"Id": "2", "Arn": second.arn, "InputTransformer": template},
        {"Id": "3", "Arn": third.arn, "Input": "{}"},
    ]
    events.put_targets(Rule="rule", Targets=targets)
    send({"n": 1})
    assert (first.bodies(), second.bodies(), third.bodies()) == (['{"n":1}'], ['"n is 1, of rule"'], ["{}"])


def test_placeholder_without_a_path_is_rejected(queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html"""
    with pytest.raises(ClientError) as refused:
        rule(queue().arn, InputTransformer={"InputPathsMap": {"a": "$.id"}, "InputTemplate": '"<a> <b>"'})
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "InputTemplate for target 1 contains invalid placeholder b.",
    }


def test_two_kinds_of_input_are_rejected(queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html"""
    with pytest.raises(
        ClientError, match="Only one of Input, InputPath, or InputTransformer must be provided for target 1"
    ):
        rule(queue().arn, Input="{}", InputPath="$.detail")


def test_function_receives_target_input(local, send, function, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""
    arn = function("def handler(event, context):\n    print('given', event)\n")
    rule(arn, InputTransformer={"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"n": <n>}'})
    send(entry({"n": [1, {"a": "b"}]}))
    lines = local.client("logs").filter_log_events(logGroupName="/aws/lambda/observer")["events"]
    assert any("given {'n': [1, {'a': 'b'}]}" in line["message"] for line in lines)


def test_nested_event_that_cannot_be_written_is_an_error_of_its_input():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    nested = 1
    for _ in range(5_000):
        nested = [nested]
    with pytest.raises(InputTransformError, match="nested too deeply"):
        target_input({"detail": {"a": nested}}, {}, None, 0.0)
