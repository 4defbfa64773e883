import json

import pytest
from machines_kit import chain, task

pytest_plugins = ("machines_fixtures",)


def parallel(*branches, **more):
    return {"Type": "Parallel", "Branches": list(branches), **more}


def map_state(processor, mode=None, **more):
    """Return a Map state, inline unless `mode` is DISTRIBUTED."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {"Mode": "INLINE"}
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, **more}


def passing(**more):
    return chain(**{f"Each{len(more)}": {"Type": "Pass", **more}})


def test_parallel_returns_an_array_of_its_branches(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    branches = [chain(A={"Type": "Wait", "Seconds": 900}), chain(B={"Type": "Pass", "Result": 2})]
    start = kit.now()
    assert kit.output(chain(It=parallel(*branches)), {"n": 1}) == [{"n": 1}, 2]
    assert 900 <= kit.now() - start < 960


def test_failed_branch_stops_the_others(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    slow = chain(A={"Type": "Wait", "Seconds": 9000})
    failing = chain(B={"Type": "Wait", "Seconds": 10}, C={"Type": "Fail", "Error": "Broken", "Cause": "old"})
    start = kit.now()
    assert kit.failure(chain(It=parallel(slow, failing))) == ("Broken", "old")
    assert kit.now() - start < 100


def test_parallel_catches_a_states_error_of_a_branch(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    late = chain(A=task(kit.function("time.sleep(2)", Timeout=10), TimeoutSeconds=1))
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    definition = chain(It=parallel(late, Catch=catch, End=True), Late={"Type": "Pass", "Result": "late"})
    assert kit.output(definition) == "late"


def test_map_processes_items_and_keeps_their_order(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    double = kit.function("return event['n'] * event['by']")
    selector = {"n.$": "$$.Map.Item.Value", "by.$": "$.by"}
    it = map_state(chain(Double=task(double)), ItemsPath="$.all", ItemSelector=selector, MaxConcurrency=3)
    assert kit.output(chain(It=it), {"all": [1, 2, 3, 4], "by": 10}) == [10, 20, 30, 40]


def test_context_of_an_iteration_has_its_item(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""
    echo = kit.function("return event")
    inner = chain(Each=task(echo, Parameters={"index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value"}))
    assert kit.output(chain(It=map_state(inner)), ["a", "b"]) == [
        {"index": 0, "value": "a"},
        {"index": 1, "value": "b"},
    ]


@pytest.mark.parametrize(("items", "max_concurrency"), [(0, 0), (1500, 1), (100, 0)])
def test_map_accepts_any_number_of_items(kit, items, max_concurrency):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    it = map_state(passing(), MaxConcurrency=max_concurrency)
    assert kit.output(chain(It=it), list(range(items))) == list(range(items))


def test_max_concurrency_limits_parallel_iterations(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    start = kit.now()
    kit.output(chain(It=map_state(chain(Each={"Type": "Wait", "Seconds": 100}), MaxConcurrency=2)), [1, 2, 3, 4])
    assert 200 <= kit.now() - start < 260


def test_failed_iteration_fails_the_map_and_stops_the_others(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    choice = {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "No"}], "Default": "Slow"}
    inner = chain(
        Which=choice, No={"Type": "Fail", "Error": "Broken"}, Slow={"Type": "Wait", "Seconds": 9000, "End": True}
    )
    start = kit.now()
    assert kit.failure(chain(It=map_state(inner)), [1, 2, 3])[0] == "Broken"
    assert kit.now() - start < 100


def test_map_in_jsonata_has_items_from_an_expression(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    it = map_state(
        chain(Each={"Type": "Pass", "Output": "{% $states.input.n * 2 %}"}),
        Items="{% $states.input.all[$ > 1] %}",
        ItemSelector={"n": "{% $states.context.Map.Item.Value %}"},
    )
    assert kit.output({"QueryLanguage": "JSONata", **chain(It=it)}, {"all": [1, 2, 3]}) == [4, 6]


def distributed(processor, **more):
    return chain(It=map_state(processor, "DISTRIBUTED", **more))


def test_distributed_map_runs_a_child_for_each_item(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""
    assert kit.output(distributed(passing(), Label="Own"), [1, 2, 3]) == [1, 2, 3]


def test_distributed_map_batches_items(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html"""
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"by.$": "$.by"}}
    output = kit.output(distributed(passing(), ItemsPath="$.all", ItemBatcher=batcher), {"all": [1, 2, 3], "by": 9})
    assert output == [{"BatchInput": {"by": 9}, "Items": [1, 2]}, {"BatchInput": {"by": 9}, "Items": [3]}]


def test_batch_stays_below_its_maximum_size(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html"""
    items = ["x" * 100] * 5
    output = kit.output(distributed(passing(), ItemBatcher={"MaxInputBytesPerBatch": 250}), items)
    assert [len(batch["Items"]) for batch in output] == [2, 2, 1]


ODD = chain(
    Which={"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "No"}], "Default": "Yes"},
    No={"Type": "Fail", "Error": "Broken", "Cause": "one"},
    Yes={"Type": "Succeed"},
)


@pytest.mark.parametrize(
    ("tolerated", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailureCount": 2}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 40}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 10}, "FAILED"),
    ],
)
def test_distributed_map_tolerates_failures_up_to_its_threshold(kit, tolerated, status):
    """https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html"""
    found = kit.run(distributed(ODD, **tolerated), [1, 2, 1, 3])
    assert found["status"] == status
    assert found.get("error") == (None if status == "SUCCEEDED" else "States.ExceedToleratedFailureThreshold")


def test_failed_child_is_in_the_results(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    failed, fine = kit.output(distributed(ODD, ToleratedFailurePercentage=100), [1, 2])
    assert (failed["Status"], failed["Error"], failed["Cause"], failed["Input"]) == ("FAILED", "Broken", "one", "1")
    assert fine == 2


@pytest.fixture
def bucket(kit):
    name = kit.name() + "-bucket"
    kit.client("s3").create_bucket(Bucket=name)
    return name


def reader(bucket, action="getObject", key="it", config=None):
    parameters = {"Bucket": bucket, **({"Key": key} if action == "getObject" else {"Prefix": key})}
    item_reader = {"Resource": f"arn:aws:states:::s3:{action}", "Parameters": parameters}
    return {"ItemReader": item_reader | ({"ReaderConfig": config} if config else {})}


@pytest.mark.parametrize(
    ("text", "config", "items"),
    [
        ('[{"n": 1}, {"n": 2}]', {"InputType": "JSON"}, [{"n": 1}, {"n": 2}]),
        ('{"all": [1, 2, 3]}', {"InputType": "JSON", "ItemsPointer": "/all", "MaxItems": 2}, [1, 2]),
        ('{"n": 1}\n{"n": 2}\n', {"InputType": "JSONL"}, [{"n": 1}, {"n": 2}]),
        (
            "a,b\n1,2\n3\n",
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            [{"a": "1", "b": "2"}, {"a": "3", "b": ""}],
        ),
        (
            "1|2\n",
            {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "CSVDelimiter": "PIPE"},
            [{"a": "1", "b": "2"}],
        ),
    ],
)
def test_items_are_read_from_an_object(kit, bucket, text, config, items):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    kit.client("s3").put_object(Bucket=bucket, Key="it", Body=text.encode())
    assert kit.output(distributed(passing(), **reader(bucket, config=config))) == items


def test_objects_of_a_bucket_are_items(kit, bucket):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    for key in ("in/a", "in/b", "other"):
        kit.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    items = kit.output(distributed(passing(), **reader(bucket, "listObjectsV2", "in/")))
    assert [(item["Key"], item["Size"]) for item in items] == [("in/a", 1), ("in/b", 1)]


def test_missing_object_fails_the_map(kit, bucket):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    assert kit.failure(distributed(passing(), **reader(bucket, config={"InputType": "JSON"})))[0] == (
        "States.ItemReaderFailed"
    )


def test_results_are_written_to_files_by_status(kit, bucket):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "out"}}
    output = kit.output(distributed(ODD, ResultWriter=writer, ToleratedFailureCount=5), [1, 2, 3])
    read = lambda key: json.loads(kit.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())  # noqa: E731
    files = read(output["ResultWriterDetails"]["Key"])["ResultFiles"]
    assert [child["Output"] for child in read(files["SUCCEEDED"][0]["Key"])] == ["2", "3"]
    assert [child["Error"] for child in read(files["FAILED"][0]["Key"])] == ["Broken"]


def test_results_can_be_flattened_to_lines(kit, bucket):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": bucket},
        "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
    }
    output = kit.output(distributed(passing(), ResultWriter=writer), [[1, 2], [3]])
    folder = output["ResultWriterDetails"]["Key"].rpartition("/")[0]
    body = kit.client("s3").get_object(Bucket=bucket, Key=f"{folder}/SUCCEEDED_0.jsonl")["Body"].read()
    assert body.splitlines() == [b"1", b"2", b"3"]


def test_described_map_run_has_counts(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html"""
    execution = kit.start(distributed(ODD, ToleratedFailureCount=5), [1, 2, 3])
    kit.cloud.settle()
    (run,) = kit.states.list_map_runs(executionArn=execution)["mapRuns"]
    found = kit.states.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["status"], found["itemCounts"]["failed"], found["itemCounts"]["succeeded"]) == ("SUCCEEDED", 1, 2)


def test_child_does_not_have_the_variables_of_its_parent(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    inner = chain(Each={"Type": "Pass", "Output": "{% $exists($kept) %}"})
    definition = chain(
        Keep={"Type": "Pass", "Assign": {"kept": 1}}, It=map_state(inner, "DISTRIBUTED", Items="{% [1] %}")
    )
    assert kit.output({"QueryLanguage": "JSONata", **definition}) == [False]


def test_children_can_be_express_executions(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""
    definition = distributed(passing())
    definition["States"]["It"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"
    assert kit.output(definition, [1]) == [1]
