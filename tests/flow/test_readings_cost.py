"""The estimate of what one reading of a stream processor causes at a rate."""

import json

import pytest
from handmade import assembly as assembly_of
from handmade import att, of

from millrace.cli import main
from millrace.events import Event
from millrace.flow.checking import read_system
from millrace.flow.cost import Assumptions
from millrace.flow.readings import caused_by_reading

WINDOW = {"every": 60, "lateness": 30}
KINESIS = {"EventSourceArn": att("Stream"), "BatchSize": 1000, "TumblingWindowInSeconds": 60}


class Frozen(Event, source="test.cold", terminal="the test ends"):
    pass


@pytest.fixture
def caused(tmp_path):
    """The amounts of one second of readings of 10 keys, by default of Kinesis."""

    def cause(rate, *, publishes=(), size=100, **mapping):
        facts = {
            "function": "watch",
            "kind": "stream-processor",
            "construct": "Watch",
            "window": WINDOW,
            "declaration": {"consumes": [], "publishes": list(publishes)},
        }
        function = of("Lambda::Function", MemorySize=512, Architectures=["arm64"]) | {"Metadata": {"millrace": facts}}
        source = of("Lambda::EventSourceMapping", FunctionName={"Ref": "Watch"}, **(mapping or KINESIS))
        assembly_of(tmp_path, S={"Watch": function, "Stream": of("Kinesis::Stream"), "Source": source})
        system = read_system(tmp_path, [Frozen], tmp_path)
        (node,) = system.graph.of("stream-processor")
        amounts = caused_by_reading(system, node, rate, Assumptions(event_bytes=size, keys=10))
        return {unit: amount * rate for unit, amount in amounts.items()}

    return cause


def test_busy_shard_has_full_batches_and_one_more_invocation_at_the_end_of_a_window(caused):
    assert caused(20_000)["invocations"] == pytest.approx(20 + 20 / 60)


def test_idle_shard_is_invoked_once_a_second(caused):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    assert caused(5)["invocations"] == pytest.approx(1 + 1 / 60)
    assert caused(0.5)["invocations"] == pytest.approx(0.5 + 1 / 60)


def test_batching_window_and_parallelization_factor_decide_the_batches(caused):
    amounts = caused(100, **KINESIS, MaximumBatchingWindowInSeconds=10, ParallelizationFactor=4)
    assert amounts["invocations"] == pytest.approx(4 / 10 + 4 / 60)


def test_each_key_has_a_tick_at_the_end_of_a_window(caused):
    assert caused(100)["stream records"] == pytest.approx(100 + 10 / 60)
    assert caused(100, size=25_601)["stream records"] == pytest.approx(200 + 10 / 60)


def test_window_of_a_key_is_merged_opened_and_closed(caused):
    assert caused(100)["table writes"] == pytest.approx(10 * (2 + 3) / 60)


def test_window_has_no_more_keys_than_readings(caused):
    assert caused(0.01)["table writes"] == pytest.approx(0.01 + 3 * 0.01)


def test_events_of_windows_count(caused):
    assert caused(100, publishes=["test.cold:Frozen"])["events"] == pytest.approx(10 / 60)


def test_batch_of_kafka_is_merged_at_once_and_has_no_shards(caused):
    """https://docs.aws.amazon.com/lambda/latest/dg/kafka-esm-parameters.html"""
    amounts = caused(100, Topics=["lines"], BatchSize=1000)
    assert (amounts["invocations"], "stream records" in amounts) == (pytest.approx(2), False)
    assert amounts["table writes"] == pytest.approx(2 * 10 + 3 * 10 / 60)


def test_command_needs_a_rate_for_a_reading(capsys, monkeypatch, assembly, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "watch_cargo"]) == 2
    assert "add --rate N, the readings a second" in capsys.readouterr().err


def test_command_compares_readings_with_the_quotas(capsys, monkeypatch, assembly, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "watch_cargo", "--rate", "10000000", "--bytes", "200"]) == 0
    printed = capsys.readouterr().out
    assert "One reading of watch_cargo causes at most:" in printed
    assert "At 10,000,000 a second: 11 cell(s)" in printed


def test_readings_are_listed_with_a_rate(capsys, monkeypatch, assembly, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "--rate", "10", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["events"]
    assert {"watch_cargo", "watch_access", "shop.checkout:PlaceOrder"} <= set(listed)
