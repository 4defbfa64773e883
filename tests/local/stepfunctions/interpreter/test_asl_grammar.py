"""Definitions made from a grammar, valid and broken."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.local.services.stepfunctions.interpreter.definition import (
    InvalidDefinitionError,
    inner_machines,
    parse,
    validate,
)

NAMES = ("A", "B", "C", "D")
PATHS = st.sampled_from(
    ["$", "$.a", "$.a[0]['b']", "$$.State.Name", "$v.x", "$.a[*].b", "States.Array($.a)", "$.", "x", "", None]
)
EXPRESSIONS = st.sampled_from(["{% $states.input.a %}", "{% 1 + %}", "{% b %}", "{% $v & 'x' %}", "text", "{%%}"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | EXPRESSIONS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b.$", "c"]), inner | PATHS, max_size=3)
    ),
    max_leaves=6,
)
TARGETS = st.sampled_from([*NAMES, "Gone"])
RESOURCES = st.sampled_from(
    ["arn:aws:states:::sqs:sendMessage", "arn:aws:states:::states:startExecution.sync:2", "it", ""]
)
RULES = st.fixed_dictionaries(
    {"Next": TARGETS},
    optional={
        "Variable": PATHS,
        "NumericEquals": JSON,
        "StringEqualsPath": PATHS,
        "Condition": EXPRESSIONS | st.booleans(),
    },
)
CATCHERS = st.fixed_dictionaries(
    {"ErrorEquals": st.just(["States.ALL"]), "Next": TARGETS}, optional={"ResultPath": PATHS}
)
FIELDS = {
    "Comment": st.text(max_size=3),
    "Next": TARGETS,
    "End": st.booleans(),
    "QueryLanguage": st.sampled_from(["JSONPath", "JSONata", "XPath"]),
    "InputPath": PATHS,
    "OutputPath": PATHS,
    "ResultPath": PATHS,
    "Parameters": JSON,
    "Arguments": JSON,
    "Output": JSON,
    "Assign": JSON,
    "Result": JSON,
    "Resource": RESOURCES,
    "Seconds": JSON,
    "TimestampPath": PATHS,
    "Error": EXPRESSIONS,
    "CausePath": PATHS,
    "Choices": st.lists(RULES, max_size=2),
    "Default": TARGETS,
    "Catch": st.lists(CATCHERS, max_size=2),
    "Retry": JSON,
    "MaxConcurrency": JSON,
    "ItemReader": JSON,
    "ItemBatcher": JSON,
    "TimeoutSeconds": JSON,
}
VALID = {
    "Pass": {"Type": st.just("Pass")},
    "Task": {"Type": st.just("Task"), "Resource": st.just("arn:aws:states:::sqs:sendMessage")},
    "Wait": {"Type": st.just("Wait"), "Seconds": st.just(1)},
    "Succeed": {"Type": st.just("Succeed")},
    "Fail": {"Type": st.just("Fail"), "Error": st.just("Broken")},
}


def broken_states(machines):
    kinds = st.sampled_from(["Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map", "Passing", 5])
    inner = {"Branches": st.lists(machines, max_size=2), "ItemProcessor": machines}
    return st.fixed_dictionaries({"Type": kinds}, optional=FIELDS | inner) | JSON


def machines(states):
    fields = {"StartAt": TARGETS, "States": st.dictionaries(st.sampled_from(NAMES), states, min_size=1, max_size=3)}
    return st.fixed_dictionaries(fields, optional={"QueryLanguage": st.sampled_from(["JSONPath", "JSONata"])})


BROKEN = st.recursive(machines(broken_states(JSON)), lambda inner: machines(broken_states(inner)), max_leaves=2)


@st.composite
def valid_machines(draw, depth=2, prefix=""):
    """States in sequence, each with a unique name; a Parallel or Map state holds machines of the same kind."""
    names = [f"{prefix}{number}" for number in range(draw(st.integers(1, 3)))]
    states = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        kind = draw(st.sampled_from(["Pass", "Task", "Wait", *(["Parallel", "Map"] if depth else [])]))
        if kind in VALID:
            states[name] = draw(st.fixed_dictionaries(VALID[kind]))
        elif kind == "Map":
            states[name] = {"Type": "Map", "ItemProcessor": draw(valid_machines(depth - 1, f"{name}."))}
        else:
            branches = [draw(valid_machines(depth - 1, f"{name}.{each}.")) for each in "xy"]
            states[name] = {"Type": "Parallel", "Branches": branches}
        states[name] |= {"Next": following} if following else {"End": True}
    return {"StartAt": names[0], "States": states}


def all_names(machine):
    for name, state in machine.states.items():
        yield name
        for inner in inner_machines(state):
            yield from all_names(inner)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(BROKEN, st.booleans())
def test_every_broken_definition_is_diagnosed(definition, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
    text = json.dumps(definition)
    diagnostics = [each for each in validate(text, express=express) if each.severity == "ERROR"]
    if not diagnostics:
        assert parse(text, express=express).states.keys() == definition["States"].keys()
        return
    with pytest.raises(InvalidDefinitionError) as caught:
        parse(text, express=express)
    assert list(caught.value.diagnostics) == diagnostics


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(valid_machines())
def test_every_valid_definition_is_accepted(definition):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
    names = list(all_names(parse(definition)))
    assert len(names) == len(set(names)) == json.dumps(definition).count('"Type"')


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=40))
def test_every_text_is_diagnosed(text):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
    assert validate(text) != []
