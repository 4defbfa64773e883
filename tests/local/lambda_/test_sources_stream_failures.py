"""Kinesis streams as event sources: retries, partial batch responses, expiry and on-failure destinations."""

import json

from lambda_kit import REPORT, message_bodies, on_failure

pytest_plugins = ["lambda_fixtures"]
CONTENTS = "texts = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]"
FAIL_ON_BAD = (CONTENTS, "if any('bad' in text for text in texts): raise RuntimeError('no')")
REPORT_BAD = (
    "def text(r): return base64.b64decode(r['kinesis']['data']).decode()",
    "bad = [r['kinesis']['sequenceNumber'] for r in event['Records'] if 'bad' in text(r)]",
    "return {'batchItemFailures': [{'itemIdentifier': number} for number in reversed(bad)]}",
)


def test_failing_batch_blocks_its_shard_until_its_retries_are_exhausted(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

    Differs: AWS publishes no retry delays; here they grow from one second to one minute.
    """
    site.function("f", *FAIL_ON_BAD)
    stream = site.stream()
    stream.put("bad", "good")
    site.mapping(stream, BatchSize=1, MaximumRetryAttempts=2)
    site.settle()
    assert site.batches() == [["bad"], ["bad"], ["bad"], ["good"]]


def test_discarded_batch_is_sent_to_the_on_failure_queue(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    stream.put("bad", "bad too")
    site.mapping(stream, MaximumRetryAttempts=1, **on_failure(dead.arn))
    site.settle()
    (dead_letter,) = message_bodies(dead)
    assert dead_letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert dead_letter["requestContext"]["approximateInvokeCount"] == 2
    assert dead_letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    info = dead_letter["KinesisBatchInfo"]
    assert (info["shardId"], info["batchSize"], info["streamArn"]) == ("shardId-000000000000", 2, stream.arn)
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == ("1", "2")


def test_discarded_batch_is_sent_to_the_on_failure_topic(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    topic = site.client("sns").create_topic(Name="failed")["TopicArn"]
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead.arn)
    stream.put("bad")
    site.mapping(stream, MaximumRetryAttempts=0, **on_failure(topic))
    site.settle()
    (dead_letter,) = message_bodies(dead)
    assert json.loads(dead_letter["Message"])["KinesisBatchInfo"]["batchSize"] == 1


def test_discarded_batch_is_stored_with_its_records_in_the_on_failure_bucket(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, s3 = site.stream(), site.client("s3")
    s3.create_bucket(Bucket="discarded")
    stream.put("bad")
    mapping = site.mapping(stream, MaximumRetryAttempts=0, **on_failure("arn:aws:s3:::discarded"))
    site.settle()
    (found,) = s3.list_objects_v2(Bucket="discarded")["Contents"]
    stored = json.loads(s3.get_object(Bucket="discarded", Key=found["Key"])["Body"].read())
    assert found["Key"].startswith(f"aws/lambda/{mapping}/shardId-000000000000/")
    assert json.loads(stored["payload"])["Records"][0]["eventSource"] == "aws:kinesis"


def test_bisecting_a_batch_isolates_the_bad_record_without_counting_retries(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    stream.put("1", "2", "bad", "4")
    site.mapping(stream, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0, **on_failure(dead.arn))
    site.settle()
    assert site.batches() == [["1", "2", "bad", "4"], ["1", "2"], ["bad", "4"], ["bad"], ["4"]]
    assert [dead_letter["KinesisBatchInfo"]["startSequenceNumber"] for dead_letter in message_bodies(dead)] == ["3"]


def test_lowest_failed_sequence_number_is_the_checkpoint(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    site.function("f", *REPORT_BAD)
    stream = site.stream()
    stream.put("1", "bad 2", "3", "bad 4")
    site.mapping(stream, MaximumRetryAttempts=1, **REPORT)
    site.settle()
    assert site.batches() == [["1", "bad 2", "3", "bad 4"], ["bad 2", "3", "bad 4"]]


def test_bisecting_with_a_partial_response_retries_only_the_remaining_records(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    site.function("f", *REPORT_BAD)
    stream = site.stream()
    stream.put("1", "2", "bad")
    site.mapping(stream, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **REPORT)
    site.settle()
    assert site.batches() == [["1", "2", "bad"], ["bad"]]


def test_records_past_the_maximum_age_are_discarded(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    site.mapping(stream, MaximumRecordAgeInSeconds=120, **on_failure(dead.arn))
    stream.put("bad")
    site.settle()
    assert 3 < len(site.seen()) < 10
    assert [dead_letter["requestContext"]["condition"] for dead_letter in message_bodies(dead)] == ["RecordAgeExpired"]


def test_batch_without_limits_is_retried_until_its_records_expire(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream = site.stream()
    stream.put("bad")
    before = site.cloud.scheduler.clock.now()
    site.mapping(stream)
    site.settle()
    assert site.cloud.scheduler.clock.now() - before >= 24 * 3600


def test_throttling_does_not_count_as_a_retry_of_a_batch(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function()
    stream = site.stream()
    site.client("lambda").put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    site.mapping(stream, MaximumRetryAttempts=0)
    stream.put("1")
    site.cloud.on_loop(
        lambda: site.cloud.scheduler.after(
            600, lambda: site.cloud.region.backends.lambda_.delete_function_concurrency("f"), "the end of throttling"
        )
    )
    site.settle()
    assert site.batches() == [["1"]]
