import pytest
from machines_kit import chain

pytest_plugins = ("machines_fixtures",)


def jsonata(**states):
    return {"QueryLanguage": "JSONata", **chain(**states)}


def test_paths_select_and_combine_data(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html"""
    it = {
        "Type": "Pass",
        "InputPath": "$.order",
        "Parameters": {"total.$": "$.lines[*].price", "constant": 1},
        "ResultPath": "$.output",
        "OutputPath": "$.output",
    }
    assert kit.output(chain(It=it), {"order": {"lines": [{"price": 2}, {"price": 3}]}}) == {
        "total": [2, 3],
        "constant": 1,
    }


@pytest.mark.parametrize(
    ("intrinsic", "value"),
    [
        ("States.Format('{} of {}', $.n, $.all[2])", "2 of 3"),
        ("States.Array(1, $.n)", [1, 2]),
        ("States.ArrayPartition($.all, 2)", [[1, 2], [3]]),
        ("States.ArrayContains($.all, $.n)", True),
        ("States.ArrayRange(1, 5, 2)", [1, 3, 5]),
        ("States.ArrayGetItem($.all, 1)", 2),
        ("States.ArrayLength($.all)", 3),
        ("States.ArrayUnique(States.Array(1, 1, 2))", [1, 2]),
        ("States.Base64Decode(States.Base64Encode('a'))", "a"),
        ("States.Hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("States.JsonMerge($.a, $.b, false)", {"x": 1, "y": 2}),
        ("States.StringToJson('[1]')", [1]),
        ("States.JsonToString($.a)", '{"x":1}'),
        ("States.MathAdd($.n, -1)", 1),
        ("States.StringSplit('a,b', ',')", ["a", "b"]),
    ],
)
def test_intrinsic_function_of_the_states_language(kit, intrinsic, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    it = {"Type": "Pass", "Parameters": {"it.$": intrinsic}}
    assert kit.output(chain(It=it), {"n": 2, "all": [1, 2, 3], "a": {"x": 1}, "b": {"y": 2}}) == {"it": value}


def test_choice_compares_with_the_context_object(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""
    same = {"Variable": "$.name", "StringEqualsPath": "$$.StateMachine.Name", "Next": "Same"}
    definition = chain(It={"Type": "Choice", "Choices": [same]}, Same={"Type": "Succeed"})
    machine = kit.machine(definition)
    assert kit.output(machine, {"name": machine.rpartition(":")[2]})
    assert kit.failure(machine, {"name": "another"})[0] == "States.NoChoiceMatched"


def test_context_object_describes_execution_and_state(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""
    it = {"Type": "Pass", "Parameters": {"all.$": "$$"}}
    context = kit.output(chain(It=it), {"n": 1})["all"]
    assert context["Execution"]["Input"] == {"n": 1}
    assert context["Execution"]["StartTime"].endswith("Z")
    assert (context["State"]["Name"], context["Execution"]["RedriveCount"]) == ("It", 0)


def test_jsonata_evaluates_input_and_context(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    output = {
        "sum": "{% $sum($states.input.lines.price) %}",
        "name": "{% $states.context.State.Name %}",
        "quoted": '{% $states.input.quoted & "!" %}',
        "half": "{% 1 / 2 %}",
        "whole": "{% 4 / 2 %}",
    }
    given = {"lines": [{"price": 2}, {"price": 3}], "quoted": 'a "word"\n'}
    assert kit.output(jsonata(It={"Type": "Pass", "Output": output}), given) == {
        "sum": 5,
        "name": "It",
        "quoted": 'a "word"\n!',
        "half": 0.5,
        "whole": 2,
    }


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(1, 5, 2)", [1, 3, 5]),
        ("$hash('a', 'SHA-256')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("$random(7) = $random(7)", True),
        ("$length($uuid())", 36),
        ("$parse('{\"a\": 1}')", {"a": 1}),
        ("$exists($states.input.nothing)", False),
        ("$states.input.nil", None),
    ],
)
def test_jsonata_function_of_step_functions(kit, expression, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    it = {"Type": "Pass", "Output": {"it": f"{{% {expression} %}}"}}
    assert kit.output(jsonata(It=it), {"nil": None}) == {"it": value}


@pytest.mark.parametrize("expression", ["$states.input.nothing", "$sum('a')", "function($x) {$x}"])
def test_jsonata_expression_without_a_value_fails_the_state(kit, expression):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    error, cause = kit.failure(jsonata(It={"Type": "Pass", "Output": f"{{% {expression} %}}"}))
    assert error == "States.QueryEvaluationError"
    assert expression in cause


def test_variables_are_available_in_later_states(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    definition = chain(
        Keep={"Type": "Pass", "Assign": {"order.$": "$.order", "quoted": 'a "word"'}},
        Use={"Type": "Pass", "Parameters": {"id.$": "$order.lines[0].id", "quoted.$": "$quoted", "all.$": "$order"}},
    )
    order = {"lines": [{"id": "o-1"}]}
    assert kit.output(definition, {"order": order}) == {"id": "o-1", "quoted": 'a "word"', "all": order}


def test_variables_of_one_assign_are_set_together(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    definition = jsonata(
        First={"Type": "Pass", "Assign": {"a": 1, "b": 2}},
        Swap={"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}},
        Use={"Type": "Pass", "Output": "{% [$a, $b] %}"},
    )
    assert kit.output(definition) == [2, 1]


def test_branch_reads_outer_variables_and_has_its_own_scope(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    branch = jsonata(
        Own={"Type": "Pass", "Assign": {"inner": 1}},
        Read={"Type": "Pass", "Output": "{% $outer + $inner %}"},
    )
    del branch["QueryLanguage"]
    definition = jsonata(
        Keep={"Type": "Pass", "Assign": {"outer": 1}},
        Fork={"Type": "Parallel", "Branches": [branch]},
        After={"Type": "Pass", "Output": {"output": "{% $states.input %}", "inner": "{% $exists($inner) %}"}},
    )
    assert kit.output(definition) == {"output": [2], "inner": False}


def test_each_state_can_have_its_own_query_language(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    definition = chain(
        Path={"Type": "Pass", "Parameters": {"n.$": "$.n"}},
        Jsonata={"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"n": "{% $states.input.n * 2 %}"}},
    )
    assert kit.output(definition, {"n": 2}) == {"n": 4}


def test_jsonata_of_a_task_reads_its_result(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    it = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": kit.function("return event['n'] + 1"), "Payload": {"n": "{% $states.input.n %}"}},
        "Assign": {"kept": "{% $states.result.Payload %}"},
        "Output": "{% $states.result.Payload * 10 %}",
    }
    use = {"Type": "Pass", "Output": "{% [$kept, $states.input] %}"}
    assert kit.output(jsonata(It=it, Use=use), {"n": 1}) == [2, 20]


@pytest.mark.parametrize(
    ("rule", "given", "chosen"),
    [
        ({"Variable": "$.n", "NumericGreaterThan": 1}, {"n": 2}, True),
        ({"Variable": "$.s", "StringMatches": "a*c"}, {"s": "abbc"}, True),
        ({"Variable": "$.x", "IsPresent": False}, {}, True),
        ({"Not": {"Variable": "$.b", "BooleanEquals": True}}, {"b": True}, False),
        (
            {"And": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.n", "NumericLessThanPath": "$.m"}]},
            {"n": 1, "m": 2},
            True,
        ),
        ({"Variable": "$.t", "TimestampLessThan": "2030-01-01T00:00:00Z"}, {"t": "2029-01-01T00:00:00Z"}, True),
    ],
)
def test_choice_follows_the_first_matching_rule(kit, rule, given, chosen):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    definition = chain(
        Which={"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        Yes={"Type": "Pass", "Result": True, "End": True},
        No={"Type": "Pass", "Result": False, "End": True},
    )
    assert kit.output(definition, given) is chosen


def test_choice_in_jsonata_has_a_condition(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    definition = jsonata(
        Which={
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n > 1 %}", "Next": "Yes", "Assign": {"big": True}}],
            "Default": "No",
        },
        Yes={"Type": "Pass", "Output": "{% $big %}", "End": True},
        No={"Type": "Pass", "Output": False, "End": True},
    )
    assert kit.output(definition, {"n": 2}) is True


def test_choice_without_a_match_fails(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    definition = chain(
        Which={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "Yes"}]},
        Yes={"Type": "Succeed"},
    )
    assert kit.failure(definition, {"n": 2})[0] == "States.NoChoiceMatched"


@pytest.mark.parametrize(
    "wait",
    [
        {"Seconds": 3600},
        {"SecondsPath": "$.seconds"},
        {"QueryLanguage": "JSONata", "Seconds": "{% $states.input.seconds %}"},
    ],
)
def test_wait_follows_the_clock_of_the_cloud(kit, wait):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    start = kit.now()
    kit.output(chain(It={"Type": "Wait", **wait}), {"seconds": 3600})
    assert 3600 <= kit.now() - start < 3660


def test_wait_ends_at_its_timestamp(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    until = kit.now() + 86_400
    from millrace.local.core.clock import iso

    kit.output(chain(It={"Type": "Wait", "TimestampPath": "$.until"}), {"until": iso(until)})
    assert -1 < kit.now() - until < 60


def test_fail_state_has_its_error_and_cause(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html"""
    assert kit.failure(chain(It={"Type": "Fail", "Error": "Broken", "CausePath": "$.why"}), {"why": "old"}) == (
        "Broken",
        "old",
    )


def test_path_without_a_value_fails_the_state(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error, cause = kit.failure(chain(It={"Type": "Pass", "Parameters": {"n.$": "$.missing"}}), {"m": 1})
    assert error == "States.Runtime"
    assert "$.missing" in cause


def test_value_over_256_kib_fails_the_state(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    big = kit.function("return 'x' * 300_000")
    assert kit.failure(chain(It={"Type": "Task", "Resource": big}))[0] == "States.DataLimitExceeded"


def test_size_of_a_value_is_in_bytes_of_utf_8(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    function = kit.function("return 'é' * 100_000")
    assert kit.output(chain(It={"Type": "Task", "Resource": function, "End": True})) == "é" * 100_000
