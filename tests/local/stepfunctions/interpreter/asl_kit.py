"""Helpers that parse definitions and evaluate expressions of the Amazon States Language."""

import json
import random

import pytest

from millrace.local.services.stepfunctions.interpreter.definition import parse, validate
from millrace.local.services.stepfunctions.interpreter.expressions import (
    Ambient,
    Data,
    EvaluationError,
    Field,
    Kind,
    choose,
    evaluate,
)

CONTEXT = {"Execution": {"Name": "run", "Input": {"n": 7}}, "State": {"Name": "It"}}


def data(given=None, *, seed=1, now=1_700_000_000.5, result=None, **variables):
    """Return what an expression sees."""
    ambient = Ambient(random.Random(seed), lambda: now)
    more = {} if result is None else {"result": result}
    return Data({} if given is None else given, CONTEXT, variables, ambient, **more)


def path(expression, given=None, **variables):
    """Return what a path or an intrinsic function gives."""
    return evaluate(Field("Parameters", {"it.$": expression}, Kind.TEMPLATE), data(given, **variables))["it"]


def jsonata(expression, given=None, *, field="Output", **more):
    """Return the value of a JSONata expression."""
    return evaluate(Field(field, f"{{% {expression} %}}", Kind.JSONATA), data(given, **more))


def failure(call, *arguments, **more):
    """Return the error and the cause of an evaluation, which must fail."""
    with pytest.raises(EvaluationError) as caught:
        call(*arguments, **more)
    return caught.value.error, caught.value.cause


def machine(state, language="JSONPath", **others):
    """Return a definition whose first state is It."""
    ends = {} if state.get("Type") in {"Choice", "Fail", "Succeed"} or "Next" in state else {"End": True}
    states = {"It": {**state, **ends}, **others}
    return {"QueryLanguage": language, "StartAt": "It", "States": states}


def state(node, language="JSONPath", **others):
    """Return a state of a valid definition."""
    return parse(machine(node, language, **others)).states["It"]


def problems(definition, **more):
    """Return the diagnostics of a definition, each as a text."""
    return [str(each) for each in validate(json.dumps(definition), **more)]


def chosen(rule, given, language="JSONPath", **variables):
    """Return whether the rule of a Choice state applies."""
    node = {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}
    choice = state(node, language, Yes={"Type": "Succeed"}, No={"Type": "Succeed"})
    return choose(choice, data(given, **variables)).next == "Yes"
