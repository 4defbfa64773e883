"""`millrace dlq` lists, redrives and purges the dead letters of every origin."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.console import columns
from millrace.cli.dlq import age
from millrace.operations.dead_letters import NotRedrivableError, paced
from millrace.operations.dead_letters.eventbridge import RuleTarget

ROOT = Path(__file__).parents[2]
CLOSED = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
)
TWO_WEEKS = 14 * 24 * 3600 + 1
STEPS = ("reserve_stock", "charge_payment", "arrange_shipping")
DONE = ("StockReserved", "PaymentCharged", "ShipmentArranged")
FAILS = "def handler(payload, context):\n    raise ValueError('no stock')\n"


@pytest.fixture
def fail(replace_handler):
    """Deploy a failing handler as the function of a folder."""
    return lambda name: replace_handler(name, FAILS)


@pytest.fixture
def fix(replace_handler):
    """Deploy the original handler of a folder."""
    return lambda name: replace_handler(name, (ROOT / "functions" / name / "handler.py").read_text())


@pytest.fixture
def queue_of_points(cloud):
    """The queue of award_points. It exists again after the test."""
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "AwardPointsQueue" in url]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    yield url
    needed = {
        name: attributes[name] for name in ("Policy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout")
    }
    sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=needed)


@pytest.fixture
def dead_letters(millrace):
    """The dead letters that `millrace dlq list` prints."""
    return lambda *words: millrace("dlq", "list", *words)[1]


def failed(cloud, fail, put, name, event="order_completed"):
    fail(name)
    correlation_id = put(event)
    cloud.settle()
    return correlation_id


def names_after(cloud, correlation_id):
    cloud.settle()
    return cloud.trace(correlation_id).names()


def test_a_dead_letter_of_a_queue_names_owner_and_cause(cloud, put, fail, dead_letters):
    order = failed(cloud, fail, put, "award_points")
    (dead_letter,) = dead_letters()
    assert (dead_letter["of"], dead_letter["origin"], dead_letter["event"]) == (
        "award_points",
        "queue",
        "OrderCompleted",
    )
    assert (dead_letter["cause"], dead_letter["attempts"], dead_letter["correlation_id"]) == (
        "ValueError: no stock",
        5,
        order,
    )
    assert dead_letters() == [dead_letter], "listing hides no dead dead_letter"


def test_a_dead_letter_of_a_queue_is_redriven_to_that_queue_and_deleted(cloud, put, fail, fix, dead_letters, millrace):
    order = failed(cloud, fail, put, "award_points")
    fix("award_points")
    status, (done,) = millrace("dlq", "redrive", "--processor", "award_points")
    assert (status, "AwardPointsQueue" in done["to"]) == (0, True)
    assert "PointsAwarded" in names_after(cloud, order)
    assert dead_letters() == []


def test_a_dead_letter_of_an_invocation_is_redriven_to_its_function_only(cloud, put, fail, fix, dead_letters, millrace):
    order = failed(cloud, fail, put, "rate_credit")
    (dead_letter,) = dead_letters()
    fix("rate_credit")
    millrace("dlq", "redrive", dead_letter["id"][:8])
    assert dead_letter["origin"] == "invocation"
    assert sorted(names_after(cloud, order)).count("PointsAwarded") == 1
    assert "CreditRated" in names_after(cloud, order)


def test_a_dead_letter_of_a_rule_is_redriven_to_the_failed_target_only(cloud, put, dead_letters, millrace):
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "AwardPointsQueue" in url]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": CLOSED})
    order = put("order_completed")
    cloud.settle()
    (dead_letter,) = dead_letters()
    sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    millrace("dlq", "redrive", "--all")
    assert (dead_letter["origin"], dead_letter["of"]) == ("rule", "award_points")
    names = names_after(cloud, order)
    assert (names.count("PointsAwarded"), names.count("CreditRated")) == (1, 1)


def test_a_redriven_execution_continues_at_the_failed_step(stocked, put, fail, fix, dead_letters, millrace, table):
    order = failed(stocked, fail, put, "complete_order", "order_placed")
    (dead_letter,) = dead_letters("--processor", "Fulfilment")
    fix("complete_order")
    _, (done,) = millrace("dlq", "redrive", dead_letter["id"])
    names = names_after(stocked, order)
    trace = stocked.trace(order)
    assert (dead_letter["origin"], dead_letter["cause"]) == ("execution", "ValueError: no stock")
    assert done["to"] == dead_letter["event_id"]
    assert [names.count(name) for name in (*DONE, "OrderCompleted")] == [1] * 4
    assert [len(trace.work(name).attempts) for name in STEPS] == [1, 1, 2], (
        "no step runs again; arrange_shipping is invoked to ask and with the answer"
    )
    assert table("stock").scan()["Items"] == [{"sku": "kettle", "quantity": 48}]
    assert dead_letters() == []


def test_an_execution_that_fails_again_leaves_a_new_dead_letter(stocked, put, fail, dead_letters, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (first,) = dead_letters()
    millrace("dlq", "redrive", "--all")
    stocked.settle()
    (second,) = dead_letters()
    assert (first["body"]["detail"]["redriveCount"], second["body"]["detail"]["redriveCount"]) == (0, 1)
    assert first["id"] != second["id"]


def test_a_dead_letter_whose_execution_was_redriven_since_is_only_deleted(
    stocked, put, fail, fix, dead_letters, millrace
):
    order = failed(stocked, fail, put, "complete_order", "order_placed")
    (dead_letter,) = dead_letters()
    fix("complete_order")
    stocked.client("stepfunctions").redrive_execution(executionArn=dead_letter["body"]["detail"]["executionArn"])
    stocked.settle()
    _, (done,) = millrace("dlq", "redrive", "--all")
    assert done["to"] == f"{dead_letter['event_id']}, which was redriven since and is SUCCEEDED"
    assert (names_after(stocked, order).count("OrderCompleted"), dead_letters()) == (1, [])


def test_an_execution_that_is_too_old_to_be_redriven_is_explained(stocked, put, fail, messages, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (message,) = messages("Fulfilment", "DeadLetters")
    (url,) = [url for url in stocked.client("sqs").list_queues()["QueueUrls"] if "FulfilmentDeadLetters" in url]
    stocked.on_loop(lambda: stocked.scheduler.after(TWO_WEEKS, lambda: None, "a test"))
    stocked.settle()
    stocked.client("sqs").send_message(QueueUrl=url, MessageBody=message["Body"])
    status, (done,) = millrace("dlq", "redrive", "--all")
    assert (status, "Execution redrivable period exceeded" in done["error"]) == (1, True)
    assert "aws stepfunctions start-execution" in done["error"]


@pytest.fixture
def unreported(cloud):
    """A stopped execution that the default bus reported to no rule."""
    events, machines = cloud.client("events"), cloud.client("stepfunctions")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"] if rule["Name"].endswith("-Failed")]
    events.disable_rule(Name=rule)
    (machine,) = machines.list_state_machines()["stateMachines"]
    started = machines.start_execution(
        stateMachineArn=machine["stateMachineArn"],
        name="unreported",
        input='{"events": [{"detail-type": "OrderPlaced"}]}',
    )
    machines.stop_execution(executionArn=started["executionArn"], error="Lost", cause="no reason")
    cloud.settle()
    events.enable_rule(Name=rule)


def test_a_failed_execution_without_a_message_is_listed_until_it_is_redriven(cloud, unreported, dead_letters, millrace):
    (dead_letter,) = dead_letters()
    _, (done,) = millrace("dlq", "redrive", "unreported")
    cloud.settle()
    (failed_again,) = dead_letters()
    assert (dead_letter["id"], dead_letter["of"], dead_letter["cause"]) == (
        "unreported",
        "Fulfilment",
        "Lost: no reason",
    )
    assert (dead_letter["queue"], done) == ("", {"id": "unreported", "to": "unreported"})
    assert failed_again["queue"]


def test_a_purged_failure_is_not_listed_again_with_or_without_a_message(
    stocked, unreported, put, fail, dead_letters, millrace
):
    failed(stocked, fail, put, "complete_order", "order_placed")
    assert [dead_letter["origin"] for dead_letter in dead_letters()] == ["execution"] * 2
    assert millrace("dlq", "purge", "--all", "--yes")[0] == 0
    assert dead_letters() == []


def test_a_purged_execution_that_is_redriven_and_fails_again_is_listed(stocked, put, fail, dead_letters, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (dead_letter,) = dead_letters()
    millrace("dlq", "purge", "--all", "--yes")
    stocked.client("stepfunctions").redrive_execution(executionArn=dead_letter["body"]["detail"]["executionArn"])
    stocked.settle()
    assert [each["body"]["detail"]["redriveCount"] for each in dead_letters()] == [1]


def test_redriving_a_relay_publishes_all_pending_events(cloud, put, function_named, dead_letters, millrace):
    lambda_, relay = cloud.client("lambda"), function_named("relay_order_store")
    handler = lambda_.get_function_configuration(FunctionName=relay)["Handler"]
    lambda_.update_function_configuration(FunctionName=relay, Handler="missing.handler")
    flow = put("place_order")
    cloud.settle()
    (dead_letter,) = dead_letters()
    lambda_.update_function_configuration(FunctionName=relay, Handler=handler)
    millrace("dlq", "redrive", "--all")
    assert (dead_letter["origin"], dead_letter["of"], dead_letter["event"]) == ("relay", "OrderStore", "")
    assert "OrderPlaced" in names_after(cloud, flow)
    assert dead_letters("--processor", "OrderStore") == []


def test_a_quarantined_event_is_redriven_to_its_function_only(cloud, put, dead_letters, millrace):
    put("order_completed", total_cents="much")
    cloud.settle()
    by_consumer = {each["attributes"]["CONSUMER"]: each for each in dead_letters()}
    millrace("dlq", "redrive", by_consumer["award_points"]["id"])
    cloud.settle()
    again = [dead_letter["attributes"]["CONSUMER"] for dead_letter in dead_letters()]
    assert {dead_letter["origin"] for dead_letter in by_consumer.values()} == {"quarantine"}
    assert "ContractError" in by_consumer["award_points"]["cause"]
    assert sorted(again) == sorted(by_consumer)


def test_a_dead_letter_stays_if_its_destination_does_not_exist(
    cloud, put, fail, queue_of_points, dead_letters, millrace
):
    failed(cloud, fail, put, "award_points")
    cloud.client("sqs").delete_queue(QueueUrl=queue_of_points)
    status, (done,) = millrace("dlq", "redrive", "--all")
    assert (status, "NonExistentQueue" in done["error"]) == (1, True)
    assert [dead_letter["id"] for dead_letter in dead_letters()] == [done["id"]]


def test_ctrl_c_during_a_redrive_releases_the_other_dead_letters(cloud, put, fail, dead_letters, monkeypatch, millrace):
    failed(cloud, fail, put, "award_points")
    failed(cloud, fail, put, "rate_credit")
    left = [dead_letter["id"] for dead_letter in dead_letters()][1:]

    def interrupt(seconds):
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.dead_letters.time.sleep", interrupt)
    assert main(["dlq", "redrive", "--all", "--rate", "0.1/s"]) == 130
    assert [dead_letter["id"] for dead_letter in dead_letters()] == left


def test_a_malformed_rate_is_rejected(capsys):
    assert main(["dlq", "redrive", "--rate", "0/s"]) == 2
    assert "'0/s' is not a rate: write 5/s, or 0.5/s" in capsys.readouterr().err


def test_show_prints_the_whole_dead_letter_and_the_trace_of_its_flow(cloud, put, fail, dead_letters, millrace):
    order = failed(cloud, fail, put, "award_points")
    (dead_letter,) = dead_letters()
    _, shown = millrace("dlq", "show", dead_letter["id"][:4])
    assert shown["body"]["detail"]["metadata"]["correlation_id"] == order
    assert shown["trace"]["roots"][0]["name"] == "OrderCompleted"


def test_a_purge_needs_confirmation(cloud, put, fail, dead_letters, millrace, capsys):
    failed(cloud, fail, put, "award_points")
    assert main(["dlq", "purge", "--all"]) == 2
    assert "Nothing was changed: answer yes, or pass --yes." in capsys.readouterr().err
    assert len(dead_letters()) == 1
    assert millrace("dlq", "purge", "--all", "--yes")[0] == 0
    assert dead_letters() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["redrive"], "Choose dead letters: by their ids, with --processor, or with --all."),
        (["show", "nope"], "No dead letters have an id that begins with 'nope'. See millrace dlq list."),
    ],
)
def test_wrong_usage_is_explained(millrace, capsys, words, message):
    assert main(["dlq", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("there", ["sqs:us-east-1:111122223333:ledger", "lambda:us-east-1:111122223333:function:f"])
def test_a_target_in_another_account_can_only_be_called_by_its_rule(there):
    rule = "arn:aws:events:us-east-1:123456789012:rule/shop/Ledger"
    dead_letter = SimpleNamespace(attributes={"TARGET_ARN": f"arn:aws:{there}", "RULE_ARN": rule}, text="{}")
    with pytest.raises(NotRedrivableError, match=r"only its rule can call .*: millrace replay --rule Ledger"):
        RuleTarget().redrive(SimpleNamespace(cloud=None), dead_letter)


def test_a_rate_spreads_redrives(monkeypatch):
    pauses = []
    monkeypatch.setattr("millrace.operations.dead_letters.time.sleep", pauses.append)
    assert list(paced(["a", "b", "c"], 2.0)) == ["a", "b", "c"]
    assert [round(pause, 1) for pause in pauses] == [0.0, 0.5, 1.0]


def test_a_table_is_as_wide_as_its_terminal_and_an_age_is_in_its_largest_unit():
    lines = columns(("ID", "CAUSE"), [["1", "x" * 60], ["22", "short\nlines"]], 40)
    assert [len(line) for line in lines] == [9, 40, 15]
    assert [age(seconds) for seconds in (-1, 5, 90, 7200, 200_000)] == ["0 s", "5 s", "2 min", "2 h", "2 d"]


def test_an_undeclared_event_is_listed_and_redriven_to_the_bus(cloud, dead_letters, millrace):
    entry = {"Source": "somebody.else", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": "shop"}
    cloud.client("events").put_events(Entries=[entry])
    cloud.settle()
    (dead_letter,) = dead_letters()
    assert (dead_letter["of"], dead_letter["origin"], dead_letter["event"]) == ("shop", "undeclared", "OrderPlaced")
    assert dead_letter["cause"].startswith("Undeclared: No contract of this app has its source and detail-type.")
    assert millrace("dlq", "redrive", "--all")[1] == [{"id": dead_letter["id"], "to": "shop"}]
    cloud.settle()
    assert [again["origin"] for again in dead_letters()] == ["undeclared"], "it is still undeclared"


def test_sensitive_values_are_masked_unless_revealed(cloud, put, fail, dead_letters, millrace):
    failed(cloud, fail, put, "place_order", event="place_order")
    (dead_letter,) = dead_letters()
    assert dead_letter["body"]["detail"]["data"]["card"] == "*****"
    shown, revealed = (millrace("dlq", "show", dead_letter["id"], *words)[1] for words in ([], ["--reveal"]))
    assert shown["body"]["detail"]["data"]["card"] == "*****"
    assert revealed["body"]["detail"]["data"]["card"] == "tok_4242"


def test_a_message_that_is_not_an_event_is_shown_only_if_revealed(cloud, dead_letters, capsys, millrace):
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "busdead" in url.lower()]
    sqs.send_message(QueueUrl=url, MessageBody="card 4242")
    (dead_letter,) = dead_letters()
    for words, text in ([], "not an event, 9 characters"), (["--reveal"], "card 4242"):
        assert main(["dlq", "show", dead_letter["id"], *words]) == 0
        assert text in capsys.readouterr().out
