"""Virtual time, entropy from the seed, and functions of their own in one process."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from planted import Paid, add_rule

from millrace.events.ids import new_event_id
from millrace.testing.simulation.runs import Plan, Runner
from millrace.testing.simulation.training import CALM, trained

REAL_TIME = time.monotonic
DAY = 24 * 3600
RUNS = int(os.environ.get("MILLRACE_SAME_SEED_RUNS", "5"))
DIGEST = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from planted import planted_cloud
from test_simulated_cloud import pay_everyone
from millrace.testing.simulation.runs import Plan, Runner
for cloud in [planted_cloud(Path({cache!r})) for _ in range(2)]:
    print(Runner(cloud, None, pay_everyone).run(Plan(7)).digest)
"""


def pay_everyone(simulation):
    for name in ("repeats", "publishes_first", "trusts_order", "reads_then_writes", "reads_clocks", "saga"):
        simulation.put(Paid(to=name))
    simulation.settle()


def test_the_same_seed_gives_the_same_trace(run):
    assert len({run(pay_everyone, 7).digest for _ in range(RUNS)}) == 1


def test_the_same_seed_gives_the_same_trace_after_events_in_real_time(run):
    before = run(pay_everyone, 7).digest
    new_event_id()
    assert run(pay_everyone, 7).digest == before


def test_other_seeds_give_other_traces(run):
    assert len({run(pay_everyone, seed).digest for seed in range(5)}) == 5


def test_the_same_seed_gives_the_same_trace_in_two_clouds_of_another_process(run, pytestconfig):
    cache = pytestconfig.rootpath / ".millrace"
    code = DIGEST.format(path=[str(Path(__file__).parent)], cache=str(cache))
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.split() == [run(pay_everyone, 7).digest] * 2


def count_events(simulation):
    simulation.put(Paid(to="counts_events"))
    simulation.settle()
    assert simulation.items("state") == [{"id": "seen", "count": 1}]


@pytest.mark.parametrize("test", [pay_everyone, count_events])
def test_the_training_of_functions_changes_no_run(bank, another_bank, run, test):
    runner = Runner(bank, None, test)
    calm, before = runner.run(replace(CALM, record=True)), run(test, 7).digest
    with trained(runner, lambda start: Runner(another_bank(start), None, test), calm):
        assert runner.run(Plan(7)).digest == before


def open_an_account(simulation):
    simulation.put(Paid(to="publishes_first"))
    simulation.settle()


def test_a_prepared_cloud_prepares_no_further_clients(bank):
    runner, created = Runner(bank, None, open_an_account), []
    for _ in range(3):
        needed = runner.run(replace(CALM, record=True)).needed
        bank.prepare(needed)
        created.append(len(needed["publishes_first"].created))
    assert created == [1, 1, 1]


def failing_for_a_day(simulation):
    requests = []
    simulation.serve(lambda request: requests.append(simulation.now) or 503)
    events, sqs = simulation.client("events"), simulation.client("sqs")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]
    target = events.create_api_destination(
        Name="d", ConnectionArn=connection, InvocationEndpoint="http://localhost/", HttpMethod="POST"
    )["ApiDestinationArn"]
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allowed]})})
    add_rule(simulation.cloud, "webhook", target, DeadLetterConfig={"Arn": arn}, RoleArn=ROLE)
    began = simulation.now
    simulation.put(Paid(to="webhook"))
    real = REAL_TIME()
    simulation.settle()
    real = REAL_TIME() - real
    dead = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"][0]["MessageAttributes"]
    retries = int(dead["RETRY_ATTEMPTS"]["StringValue"])
    assert len(requests) == retries + 1 <= 186
    pauses = [later - earlier for earlier, later in pairwise(requests)]
    assert all(2**n / 2 <= pause + 1e-6 and pause <= 2**n + 1 for n, pause in enumerate(pauses[:9], 1))
    assert all(pause + 1e-6 >= 300 and pause <= 601 for pause in pauses[9:])
    assert requests[0] == began
    assert requests[-1] - began <= DAY
    assert real < 1, real


ROLE = "arn:aws:iam::123456789012:role/all"


def test_a_day_of_retries_ends_in_the_dead_letter_queue_within_a_second(run):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    result = run(failing_for_a_day, given=())
    assert result.status == "passed", result.error


def daily(simulation):
    events, functions = simulation.client("events"), simulation.client("lambda")
    arn = functions.get_function(FunctionName="trusts_order")["Configuration"]["FunctionArn"]
    events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    detail = json.dumps({"detail": {"data": {"account": "daily", "cents": 1}}})
    events.put_targets(Rule="daily", Targets=[{"Id": "1", "Arn": arn, "Input": detail}])
    simulation.settle()
    assert simulation.items("state") == []
    simulation.advance(hours=25)
    assert simulation.items("state") == [{"id": "daily", "cents": 1}]


def test_advance_runs_a_daily_schedule(run):
    result = run(daily, given=())
    assert result.status == "passed", result.error


def test_a_failing_function_is_retried_at_the_times_of_lambda(run):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    result = run(lambda simulation: (simulation.put(Paid(to="fails")), simulation.settle()), given=())
    attempts = [line for line in result.story if "fails processed" in line]
    assert [line.split("  ")[0] for line in attempts] == ["Thu 00:00:00.000", "Thu 00:01:00.000", "Thu 00:03:00.000"]
