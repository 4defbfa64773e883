"""Distributed Map states: items, batches, failures and results."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from engine_kit import Engine, chain, failing, jsonata, task, types

PASS = chain(Each={"Type": "Pass"})
ODD = chain(
    Which={"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "No"}], "Default": "Yes"},
    No={"Type": "Fail", "Error": "Broken", "Cause": "one"},
    Yes={"Type": "Succeed"},
)


@pytest.fixture
def engine():
    return Engine()


def distributed(processor=PASS, kind="STANDARD", **more):
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    return {"Type": "Map", "ItemProcessor": {**config, **processor}, **more}


def test_each_item_is_a_child_execution(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""
    execution = engine.ran(chain(It=distributed(Label="Own")), [1, 2])
    (run,) = execution.map_runs
    assert [types(child)[0] for child in run.executions] == ["ExecutionStarted"] * 2
    assert run.arn.startswith("arn:aws:states:us-east-1:123456789012:mapRun:m/Own:")
    assert run.executions[0].identity.arn.startswith("arn:aws:states:us-east-1:123456789012:execution:m/Own:")
    assert json.loads(execution.output) == [1, 2]


def test_events_of_a_map_run(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    execution = engine.ran(chain(It=distributed()), [1])
    assert types(execution)[1:-1] == [
        *("MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded"),
        "MapStateExited",
    ]


def test_child_has_no_variables_of_its_parent(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    inner = chain(Each={"Type": "Pass", "Output": "{% $exists($kept) %}"})
    definition = jsonata(Keep={"Type": "Pass", "Assign": {"kept": 1}}, It=distributed(inner, Items="{% [1] %}"))
    assert engine.output(definition) == [False]


def test_items_are_batched_by_number(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html"""
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"by.$": "$.by"}}
    output = engine.output(chain(It=distributed(ItemsPath="$.all", ItemBatcher=batcher)), {"all": [1, 2, 3], "by": 9})
    assert output == [{"BatchInput": {"by": 9}, "Items": [1, 2]}, {"BatchInput": {"by": 9}, "Items": [3]}]


def test_items_are_batched_by_size(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html"""
    output = engine.output(chain(It=distributed(ItemBatcher={"MaxInputBytesPerBatch": 220})), ["x" * 100] * 5)
    assert [len(json.dumps(batch, separators=(",", ":"))) for batch in output] == [217, 217, 114]


def test_number_of_items_per_batch_can_come_from_a_variable(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    keep = {"Type": "Pass", "Assign": {"most": 2}}
    definition = chain(Keep=keep, It=distributed(ItemBatcher={"MaxItemsPerBatchPath": "$most"}))
    assert [len(batch["Items"]) for batch in engine.output(definition, [1, 2, 3])] == [2, 1]


@pytest.mark.parametrize(
    ("tolerated", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailureCountPath": "$[3]"}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 40}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 10}, "FAILED"),
    ],
)
def test_failures_are_tolerated_up_to_their_threshold(engine, tolerated, status):
    """https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html"""
    execution = engine.ran(chain(It=distributed(ODD, **tolerated)), [1, 2, 1, 3])
    assert (execution.status, execution.map_runs[0].status) == (status, status)
    assert execution.error == (None if status == "SUCCEEDED" else "States.ExceedToleratedFailureThreshold")


def test_exceeded_threshold_aborts_the_other_children(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html"""
    inner = chain(W={"Type": "Wait", "SecondsPath": "$"}, F={"Type": "Fail"})
    execution = engine.ran(chain(It=distributed(inner)), [900, 1])
    assert [child.status for child in execution.map_runs[0].executions] == ["ABORTED", "FAILED"]
    assert types(execution)[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_counts_of_a_map_run(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html"""
    run = engine.ran(chain(It=distributed(ODD, ToleratedFailureCount=1)), [1, 2, 3]).map_runs[0]
    counts = run.item_counts()
    assert (counts["total"], counts["succeeded"], counts["failed"], counts["pendingRedrive"]) == (3, 2, 1, 0)


def test_stopped_execution_aborts_its_map_run(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = engine.begin(chain(It=distributed(chain(W={"Type": "Wait", "Seconds": 900}))), [1])
    execution.stop(None, None)
    (run,) = execution.map_runs
    assert (run.status, run.executions[0].status) == ("ABORTED", "ABORTED")


def test_redrive_runs_the_children_that_did_not_succeed(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html"""
    engine.services.answers["f"] = lambda call: failing("Broken") if call.parameters["n"] == 1 else 7
    execution = engine.ran(chain(It=distributed(chain(A=task("x:f", Parameters={"n.$": "$"})))), [2, 1])
    engine.services.answers["f"] = 8
    execution.redrive()
    engine.settle()
    (run,) = execution.map_runs
    assert (json.loads(execution.output), run.redrives, run.status) == ([7, 8], 1, "SUCCEEDED")
    assert [child.redrives for child in run.executions] == [0, 1]
    assert "MapRunRedriven" in types(execution)


def reader(resource="s3:getObject", config=None, **parameters):
    it = {"Resource": f"arn:aws:states:::{resource}", "Parameters": parameters or {"Bucket": "b", "Key": "k"}}
    return {"ItemReader": it | ({"ReaderConfig": config} if config else {})}


@pytest.mark.parametrize(
    ("text", "config", "items"),
    [
        ('[{"n": 1}, {"n": 2}]', {"InputType": "JSON"}, [{"n": 1}, {"n": 2}]),
        ('{"a": 1}', {"InputType": "JSON"}, [{"Key": "a", "Value": 1}]),
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
def test_items_are_read_from_an_object(engine, text, config, items):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    engine.services.answers["getObject"] = {"Body": text.encode()}
    assert engine.output(chain(It=distributed(**reader(config=config)))) == items


def test_number_of_items_can_come_from_a_variable(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    engine.services.answers["getObject"] = {"Body": b"[1, 2, 3]"}
    config = {"InputType": "JSON", "MaxItemsPath": "$most"}
    definition = chain(Keep={"Type": "Pass", "Assign": {"most": 1}}, It=distributed(**reader(config=config)))
    assert engine.output(definition) == [1]


def test_objects_of_a_bucket_are_read_page_by_page(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    found = {"ETag": "e", "Size": 1, "LastModified": datetime(2020, 1, 1, tzinfo=UTC)}
    pages = {
        None: {"Contents": [found | {"Key": "a"}], "NextContinuationToken": "t"},
        "t": {"Contents": [found | {"Key": "b"}]},
    }
    engine.services.answers["listObjectsV2"] = lambda call: pages[call.parameters.get("ContinuationToken")]
    items = engine.output(chain(It=distributed(**reader("s3:listObjectsV2", Bucket="b"))))
    assert [item["Key"] for item in items] == ["a", "b"]
    assert items[0] == {"Etag": "e", "Key": "a", "LastModified": 1577836800, "Size": 1, "StorageClass": "STANDARD"}


def test_rows_of_an_inventory_are_items(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    manifest = {
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key",
        "destinationBucket": "arn:aws:s3:::d",
        "files": [{"key": "f"}],
    }
    bodies = {"k": json.dumps(manifest).encode(), "f": gzip.compress(b'"b","x"\n')}
    engine.services.answers["getObject"] = lambda call: {"Body": bodies[call.parameters["Key"]]}
    config = {"InputType": "MANIFEST"}
    assert engine.output(chain(It=distributed(**reader(config=config)))) == [{"Bucket": "b", "Key": "x"}]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"x" * 2_000, mtime=0), gzip.compress(b"x", mtime=0)[:-6], b"no gzip"],
    ids=["large", "cut off", "no gzip"],
)
def test_inventory_that_unpacks_to_too_much_or_not_at_all_fails_the_map(engine, monkeypatch, body):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html

    Differs: an unpacked file has at most 100 MiB.
    """
    monkeypatch.setattr("millrace.local.services.stepfunctions.interpreter.item_reader.MAX_OBJECT_BYTES", 1_000)
    manifest = {"fileFormat": "CSV", "fileSchema": "Key", "destinationBucket": "d", "files": [{"key": "f"}]}
    bodies = {"k": json.dumps(manifest).encode(), "f": body}
    engine.services.answers["getObject"] = lambda call: {"Body": bodies[call.parameters["Key"]]}
    failure = engine.failure(chain(It=distributed(**reader(config={"InputType": "MANIFEST"}))))
    assert failure[0] == "States.ItemReaderFailed"


@pytest.mark.parametrize(
    "answer", [failing("S3.NoSuchKeyException", "gone"), {"Body": b"{"}, {"Body": b"7"}, {"Body": b"[" * 100_000}]
)
def test_unreadable_items_fail_the_map(engine, answer):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html"""
    engine.services.answers["getObject"] = answer
    assert engine.failure(chain(It=distributed(**reader(config={"InputType": "JSON"}))))[0] == "States.ItemReaderFailed"


def written(engine, **config):
    """Run a Map that writes its results; return its output and the written objects."""
    objects = {}
    engine.services.answers["putObject"] = lambda call: objects.update(
        {call.parameters["Key"]: call.parameters["Body"]}
    )
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}}
    it = distributed(ODD, ResultWriter=writer | ({"WriterConfig": config} if config else {}), ToleratedFailureCount=1)
    return engine.output(chain(It=it), [1, 2, 3]), objects


def test_results_are_written_by_status(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    output, objects = written(engine)
    files = json.loads(objects[output["ResultWriterDetails"]["Key"]])["ResultFiles"]
    assert [child["Output"] for child in json.loads(objects[files["SUCCEEDED"][0]["Key"]])] == ["2", "3"]
    assert [child["Error"] for child in json.loads(objects[files["FAILED"][0]["Key"]])] == ["Broken"]


def test_results_are_written_as_lines(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    _, objects = written(engine, Transformation="COMPACT", OutputType="JSONL")
    assert [body for key, body in objects.items() if key.endswith("SUCCEEDED_0.jsonl")] == [b"2\n3"]


def test_failed_child_is_described_in_the_output(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    failed, fine = engine.output(chain(It=distributed(ODD, ToleratedFailurePercentage=100)), [1, 2])
    assert (failed["Status"], failed["Error"], failed["Cause"], failed["Input"], fine) == (
        "FAILED",
        "Broken",
        "one",
        "1",
        2,
    )


def test_ten_thousand_children_end(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html"""
    definition = chain(It=distributed(kind="EXPRESS", ToleratedFailurePercentage=1, MaxConcurrency=100))
    assert len(engine.output(definition, list(range(10_000)))) == 10_000
