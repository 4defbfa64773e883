import json

import pytest
from asl_kit import machine, problems, state

from millrace.local.services.stepfunctions.interpreter.definition import (
    InvalidDefinitionError,
    Resource,
    parse,
    parse_resource,
    validate,
)
from millrace.local.services.stepfunctions.interpreter.expressions import Field, Kind

PASS = {"Type": "Pass", "End": True}
INNER = {"StartAt": "Inner", "States": {"Inner": PASS}}
WAIT = "Seconds, SecondsPath, Timestamp, TimestampPath"
TASK = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage"}


@pytest.mark.parametrize(
    ("text", "diagnostic"),
    [
        ("", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        ("[]", "INVALID_JSON_DESCRIPTION: Definition must be a valid JSON object"),
        ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"),
        ('{"States": {}}', "SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt] at /"),
        ('{"a": NaN}', "INVALID_JSON_DESCRIPTION: Non-standard token 'NaN'"),
        ('{"a": 1, "a": 2}', "INVALID_JSON_DESCRIPTION: Duplicate field 'a'"),
    ],
)
def test_text_that_is_no_definition_is_diagnosed(text, diagnostic):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
    Recorded on AWS: the texts of the empty text and of missing fields.
    """
    assert [str(each) for each in validate(text)] == [diagnostic]


@pytest.mark.parametrize(
    "text", ["not a definition", '"' + '\\"' * 300_000, '"\\', '{"a": "\\ud800"}', "[" * 100_000, "[" * 501 + "]" * 501]
)
def test_text_that_is_no_json_is_diagnosed(text):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html"""
    assert [each.code for each in validate(text)] == ["INVALID_JSON_DESCRIPTION"]


@pytest.mark.parametrize(
    ("definition", "diagnostics"),
    [
        (
            {"StartAt": "A", "States": {"B": PASS}},
            ["Missing 'Next' target: A at /StartAt", 'State "B" is not reachable. at /States/B'],
        ),
        (
            machine(
                {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$", "IsNull": True, "Next": name} for name in ("No", "End")],
                    "Default": "Yes",
                },
                End={"Type": "Succeed"},
            ),
            [
                "Missing 'Next' target: No at /States/It/Choices[0]/Next",
                "Missing 'Next' target: Yes at /States/It/Default",
            ],
        ),
        (
            machine({**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "No"}]}),
            ["Missing 'Next' target: No at /States/It/Catch[0]/Next"],
        ),
        (machine({"Type": "Succeed"}, Alone=PASS), ['State "Alone" is not reachable. at /States/Alone']),
        (
            machine(
                {
                    "Type": "Parallel",
                    "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "It"}, "B": PASS}}],
                }
            ),
            [
                "Missing 'Next' target: It at /States/It/Branches[0]/States/A/Next",
                'State "B" is not reachable. at /States/It/Branches[0]/States/B',
            ],
        ),
    ],
)
def test_transition_target_must_exist_and_every_state_be_reached(definition, diagnostics):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
    Recorded on AWS: an unreachable state is an error, and every kind of target is called Next.
    """
    assert problems(definition) == [f"MISSING_TRANSITION_TARGET: {each}" for each in diagnostics]


def test_loop_without_an_end_has_no_terminal_state():
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
    Recorded on AWS: the diagnostic has no location, and unreachable states are not reported with it.
    """
    loop = {"StartAt": "A", "States": {name: {"Type": "Pass", "Next": "A"} for name in "ABC"}}
    assert problems(loop) == ["MISSING_END_STATE: Workflow has no terminal state"]
    assert problems(machine({"Type": "Pass", "Next": "X"}))[1:] == ["MISSING_END_STATE: Workflow has no terminal state"]


@pytest.mark.parametrize(
    ("node", "diagnostic"),
    [
        (
            {"Type": "Passing"},
            (
                "The field 'Type' should have one of these values: "
                "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/It/Type"
            ),
        ),
        ({**TASK, "Resource": "it"}, "Value is not a valid resource ARN at /States/It/Resource"),
        ({"Type": "Task"}, "These fields are required: [Resource] at /States/It"),
        ({"Type": "Pass", "Catch": []}, "Field 'Catch' is not supported at /States/It"),
        ({"Type": "Pass", "_comment": ""}, "Field '_comment' is not supported at /States/It"),
        ({"Type": "Fail", "InputPath": "$"}, "Field 'InputPath' is not supported at /States/It"),
        ({"Type": "Wait", "Seconds": -1}, "Minimum value is 0 at /States/It/Seconds"),
        ({"Type": "Wait", "SecondsPath": "$$.x"}, "Value is not a Reference Path at /States/It/SecondsPath"),
        ({"Type": "Pass", "ResultPath": "$[*]"}, "Value is not a Reference Path at /States/It/ResultPath"),
        ({"Type": "Pass", "InputPath": "x"}, "Value is not a valid JSONPath at /States/It/InputPath"),
        (
            {**TASK, "TimeoutSeconds": 1, "TimeoutSecondsPath": "$.x"},
            "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/It",
        ),
        (
            {"Type": "Map", "ItemProcessor": INNER, "ToleratedFailurePercentage": 101},
            "Maximum value is 100.0 at /States/It/ToleratedFailurePercentage",
        ),
        (
            {"Type": "Map", "ItemProcessor": {**INNER, "QueryLanguage": "JSONata"}},
            "Field 'QueryLanguage' is not supported at /States/It/ItemProcessor",
        ),
        (
            {"Type": "Pass", "Parameters": {"a": [{"b.$": "it"}]}},
            (
                "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call "
                "at /States/It/Parameters/a[0]/b.$"
            ),
        ),
        (
            {"Type": "Pass", "Output": 1},
            (
                "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' "
                "QueryLanguage at /States/It"
            ),
        ),
        ({**TASK, "Retry": [{}]}, "These fields are required: [ErrorEquals] at /States/It/Retry[0]"),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]},
            "States.ALL must appear alone and in the last object at /States/It/Retry[0]/ErrorEquals",
        ),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": "1", "Next": "It"}]},
            "Expected value of type [NUMBER] at /States/It/Choices[0]/NumericEquals",
        ),
        ({"Type": "Wait"}, f"There should be exactly one of the following fields: [{WAIT}] at /States/It"),
        ({"Type": "Choice", "Choices": []}, "Array must have at least 1 element at /States/It/Choices"),
    ],
)
def test_field_that_a_state_cannot_have_is_diagnosed(node, diagnostic):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html"""
    assert problems(machine(node)) == [f"SCHEMA_VALIDATION_FAILED: {diagnostic}"]


@pytest.mark.parametrize(
    ("node", "diagnostic"),
    [
        (
            {"Type": "Pass", "QueryLanguage": "JSONPath"},
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/It",
        ),
        (
            {"Type": "Pass", "Parameters": {}},
            (
                "The QueryLanguage is set to 'JSONata', but field 'Parameters' is only supported for the 'JSONPath' "
                "QueryLanguage at /States/It"
            ),
        ),
        ({"Type": "Wait", "Seconds": "x"}, "Expected value of type [INTEGER] at /States/It/Seconds"),
        (
            {"Type": "Pass", "QueryLanguage": "jsonata"},
            "Value should be one of the following: [JSONPath, JSONata] at /States/It/QueryLanguage",
        ),
    ],
)
def test_field_that_a_jsonata_state_cannot_have_is_diagnosed(node, diagnostic):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    assert problems(machine(node, "JSONata")) == [f"SCHEMA_VALIDATION_FAILED: {diagnostic}"]


@pytest.mark.parametrize(
    ("expression", "diagnostic"),
    [
        ("phone", "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported."),
        (
            "$map($states.input, function($x) { b })",
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'b' at the top level is not supported.",
        ),
        ("$$", "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported."),
        ("$states.errorOutput", "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.errorOutput' is not supported."),
        ("a[1,2)", 'INVALID_JSONATA_EXPRESSION: Expected "]", got ","'),
        ("1 +", "INVALID_JSONATA_EXPRESSION: Unexpected end of expression"),
    ],
)
def test_jsonata_is_validated_with_the_definition(expression, diagnostic):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS: an expression begins at a variable, because it has no context item.
    """
    output = {"v": f"{{% {expression} %}}", "items": "{% $states.input.items[price > 3].name %}"}
    found = problems(machine({"Type": "Pass", "Output": output}, "JSONata"))
    assert found == [f"{diagnostic} at /States/It/Output/v"]


def test_name_of_a_state_is_unique_in_the_whole_machine_and_short():
    """https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""
    twice = machine({"Type": "Parallel", "Branches": [{"StartAt": "It", "States": {"It": PASS}}]})
    assert problems(twice) == [
        "DUPLICATE_STATE_NAME: State name 'It' is not unique at /States/It/Branches[0]/States/It"
    ]
    long = {"StartAt": "x" * 81, "States": {"x" * 81: PASS}}
    assert "longer than 80 characters" in problems(long)[0]


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "does not support '.waitForTaskToken' service integration",
        ),
        ("arn:aws:states:::states:startExecution.sync:2", "does not support '.sync:2' service integration"),
        ("arn:aws:states:us-east-1:123456789012:activity:it", "does not support Activity ARN"),
    ],
)
def test_express_machine_cannot_wait_for_tasks(resource, text):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    definition = machine({"Type": "Task", "Resource": resource})
    assert problems(definition) == []
    assert text in problems(definition, express=True)[0]


def test_error_of_an_invalid_definition_has_the_text_of_create_state_machine():
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    with pytest.raises(InvalidDefinitionError) as caught:
        parse(machine({"Type": "Pass", "Next": "Gone"}))
    assert str(caught.value) == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/It/Next, "
        "MISSING_END_STATE: Workflow has no terminal state'"
    )


def test_inner_states_inherit_the_query_language_of_the_machine():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    it = state({"Type": "Map", "QueryLanguage": "JSONata", "Items": "{% [1] %}", "ItemProcessor": INNER})
    assert (it.query_language, it.processor.states["Inner"].query_language) == ("JSONata", "JSONPath")


def test_fields_of_a_state_have_defaults_and_kinds():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    it = state({**TASK, "TimeoutSecondsPath": "$.t", "Parameters": {}, "Retry": [{"ErrorEquals": ["A"]}]})
    assert it.timeout_seconds == Field("TimeoutSecondsPath", "$.t", Kind.PATH)
    assert it.arguments == Field("Parameters", {}, Kind.TEMPLATE)
    retrier = it.retry[0]
    assert (retrier.interval_seconds, retrier.max_attempts, retrier.backoff_rate, retrier.full_jitter) == (
        1,
        3,
        2.0,
        False,
    )


def test_map_state_reads_its_reader_batcher_and_writer():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""
    config = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "MaxItemsPath": "$n"}
    node = {
        "Type": "Map",
        "ItemProcessor": {**INNER, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}},
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {}, "ReaderConfig": config},
        "ItemBatcher": {"MaxItemsPerBatchPath": "$n", "BatchInput": {"x.$": "$.x"}},
        "ResultWriter": {"WriterConfig": {"OutputType": "JSONL"}},
    }
    it = state(node)
    assert (it.distributed, it.execution_type, it.result_writer.output_type) == (True, "EXPRESS", "JSONL")
    assert (it.item_reader.csv_headers, it.item_reader.max_items.value) == (("a",), "$n")
    assert it.item_batcher.max_items_per_batch == Field("ItemBatcher/MaxItemsPerBatchPath", "$n", Kind.PATH)


@pytest.mark.parametrize(
    ("arn", "parts"),
    [
        ("arn:aws:states:::sqs:sendMessage", ("sqs", "sendMessage", "")),
        ("arn:aws:states:::states:startExecution.sync:2", ("states", "startExecution", "sync:2")),
        ("arn:aws:states:::aws-sdk:s3:getObject.waitForTaskToken", ("aws-sdk:s3", "getObject", "waitForTaskToken")),
        ("arn:aws:lambda:us-east-1:123456789012:function:it:live", ("lambda", "", "")),
        ("arn:aws:states:us-east-1:123456789012:activity:it", ("activity", "", "")),
    ],
)
def test_resource_names_a_service_an_action_and_a_pattern(arn, parts):
    """https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html"""
    assert parse_resource(arn) == Resource(arn, *parts)


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ({"Type": "Pass", "Parameters": {"a": "$.a"}}, "NO_DOLLAR"),
        ({"Type": "Pass", "Result": {"a": "$.a"}}, "PASS_RESULT_IS_STATIC"),
        ({"Type": "Pass", "Result": "$.a"}, "PASS_RESULT_IS_STATIC"),
        ({"Type": "Fail", "Error": "$.error"}, "NO_PATH"),
    ],
)
def test_constant_that_looks_like_a_path_is_a_warning(node, code):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html"""
    found = validate(json.dumps(machine(node)))
    assert [(each.severity, each.code) for each in found] == [("WARNING", code)]
    assert parse(machine(node))


@pytest.mark.parametrize("depth", [50, 120, 1000])
def test_deeply_nested_machines_are_read_or_diagnosed(depth):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    Differs: a definition is nested at most 500 deep.
    """
    text = json.dumps({"StartAt": "It", "States": {"It": PASS}})
    for number in range(depth):
        inner = text.replace('"It"', f'"It{number}"')
        text = '{"StartAt": "It", "States": {"It": {"Type": "Parallel", "End": true, "Branches": [' + inner + "]}}}"
    assert [each.code for each in validate(text)] == (["INVALID_JSON_DESCRIPTION"] if depth > 124 else [])


def test_definition_of_a_megabyte_is_read():
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    states = {f"s{number}": {"Type": "Pass", "Next": f"s{number + 1}"} for number in range(20_000)}
    text = json.dumps({"StartAt": "s0", "States": {**states, "s20000": PASS}})
    assert len(parse(text).states) == 20_001
