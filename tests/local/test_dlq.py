"""`millrace dlq`: every letter of the stacks, whose it is and why, and its way back."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.dlq import _paced
from millrace.cli.tables import age, table
from millrace.cli.ways import NoWayBack, _to_target

ROOT = Path(__file__).parents[2]
CLOSED = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}'
)
TWO_WEEKS = 14 * 24 * 3600 + 1
STEPS = ("reserve_stock", "charge_payment", "arrange_shipping")
DONE = ("StockReserved", "PaymentCharged", "ShipmentArranged")
FAILS = "def handler(payload, context):\n    raise ValueError('no way')\n"


@pytest.fixture
def fail(replace_handler):
    """Let the function of a folder fail."""
    return lambda name: replace_handler(name, FAILS)


@pytest.fixture
def mend(replace_handler):
    """Deploy the function of a folder as it should be."""
    return lambda name: replace_handler(name, (ROOT / "functions" / name / "handler.py").read_text())


@pytest.fixture
def queue_of_points(cloud):
    """The queue of award_points; one that was deleted is there again after the test."""
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "AwardPointsQueue" in url]
    had = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    yield url
    kept = {name: had[name] for name in ("Policy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout")}
    sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=kept)


@pytest.fixture
def letters(millrace):
    """What `millrace dlq list` finds."""
    return lambda *words: millrace("dlq", "list", *words)[1]


def failed(cloud, fail, put, name, event="order_completed"):
    fail(name)
    correlation_id = put(event)
    cloud.settle()
    return correlation_id


def names_after(cloud, correlation_id):
    cloud.settle()
    return cloud.trace(correlation_id).names()


def test_a_queues_letter_tells_whose_it_is_and_why(cloud, put, fail, letters):
    order = failed(cloud, fail, put, "award_points")
    (letter,) = letters()
    assert (letter["of"], letter["origin"], letter["event"]) == ("award_points", "queue", "OrderCompleted")
    assert (letter["cause"], letter["attempts"], letter["correlation_id"]) == ("ValueError: no way", 5, order)
    assert letters() == [letter], "looking hides no letter from the next who looks"


def test_a_queues_letter_goes_back_to_its_queue_and_is_gone_once_that_has_it(cloud, put, fail, mend, letters, millrace):
    order = failed(cloud, fail, put, "award_points")
    mend("award_points")
    status, (done,) = millrace("dlq", "redrive", "--processor", "award_points")
    assert (status, "AwardPointsQueue" in done["to"]) == (0, True)
    assert "PointsAwarded" in names_after(cloud, order)
    assert letters() == []


def test_an_invocations_letter_is_given_to_its_function_alone(cloud, put, fail, mend, letters, millrace):
    order = failed(cloud, fail, put, "rate_credit")
    (letter,) = letters()
    mend("rate_credit")
    millrace("dlq", "redrive", letter["id"][:8])
    assert letter["origin"] == "invocation"
    assert sorted(names_after(cloud, order)).count("PointsAwarded") == 1
    assert "CreditRated" in names_after(cloud, order)


def test_a_rules_letter_is_given_to_the_target_that_did_not_take_it(cloud, put, letters, millrace):
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "AwardPointsQueue" in url]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": CLOSED})
    order = put("order_completed")
    cloud.settle()
    (letter,) = letters()
    sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    millrace("dlq", "redrive", "--all")
    assert (letter["origin"], letter["of"]) == ("rule", "award_points")
    names = names_after(cloud, order)
    assert (names.count("PointsAwarded"), names.count("CreditRated")) == (1, 1)


def test_a_failed_execution_goes_on_where_it_failed(stocked, put, fail, mend, letters, millrace, table):
    order = failed(stocked, fail, put, "complete_order", "order_placed")
    (letter,) = letters("--processor", "Fulfilment")
    mend("complete_order")
    _, (done,) = millrace("dlq", "redrive", letter["id"])
    names = names_after(stocked, order)
    trace = stocked.trace(order)
    assert (letter["origin"], letter["cause"]) == ("execution", "ValueError: no way")
    assert done["to"] == letter["event_id"]
    assert [names.count(name) for name in (*DONE, "OrderCompleted")] == [1] * 4
    assert [len(trace.work(name).attempts) for name in STEPS] == [1, 1, 2], "no step is run again; one asks and hears"
    assert table("stock").scan()["Items"] == [{"sku": "kettle", "quantity": 48}]
    assert letters() == []


def test_an_execution_that_fails_again_leaves_a_new_letter(stocked, put, fail, letters, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (first,) = letters()
    millrace("dlq", "redrive", "--all")
    stocked.settle()
    (second,) = letters()
    assert (first["body"]["detail"]["redriveCount"], second["body"]["detail"]["redriveCount"]) == (0, 1)
    assert first["id"] != second["id"]


def test_a_letter_whose_execution_was_redriven_since_is_only_taken_away(stocked, put, fail, mend, letters, millrace):
    order = failed(stocked, fail, put, "complete_order", "order_placed")
    (letter,) = letters()
    mend("complete_order")
    stocked.client("stepfunctions").redrive_execution(executionArn=letter["body"]["detail"]["executionArn"])
    stocked.settle()
    _, (done,) = millrace("dlq", "redrive", "--all")
    assert done["to"] == f"{letter['event_id']}, which was redriven since and is SUCCEEDED"
    assert (names_after(stocked, order).count("OrderCompleted"), letters()) == (1, [])


def test_a_letter_that_is_too_old_to_be_redriven_says_what_is_left_to_do(stocked, put, fail, messages, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (message,) = messages("Fulfilment", "DeadLetters")
    (url,) = [url for url in stocked.client("sqs").list_queues()["QueueUrls"] if "FulfilmentDeadLetters" in url]
    stocked.on_plane(lambda: stocked.agenda.after(TWO_WEEKS, lambda: None, "a test"))
    stocked.settle()
    stocked.client("sqs").send_message(QueueUrl=url, MessageBody=message["Body"])
    status, (done,) = millrace("dlq", "redrive", "--all")
    assert (status, "Execution redrivable period exceeded" in done["error"]) == (1, True)
    assert "aws stepfunctions start-execution" in done["error"]


@pytest.fixture
def adrift(cloud):
    """An execution that was stopped, and of which the default bus told nobody."""
    events, machines = cloud.client("events"), cloud.client("stepfunctions")
    (rule,) = [rule["Name"] for rule in events.list_rules()["Rules"] if rule["Name"].endswith("-Failed")]
    events.disable_rule(Name=rule)
    (machine,) = machines.list_state_machines()["stateMachines"]
    started = machines.start_execution(
        stateMachineArn=machine["stateMachineArn"], name="adrift", input='{"events": [{"detail-type": "OrderPlaced"}]}'
    )
    machines.stop_execution(executionArn=started["executionArn"], error="Lost", cause="nobody knows")
    cloud.settle()
    events.enable_rule(Name=rule)


def test_an_execution_that_failed_without_a_letter_is_told_of_until_it_is_redriven(cloud, adrift, letters, millrace):
    (letter,) = letters()
    _, (done,) = millrace("dlq", "redrive", "adrift")
    cloud.settle()
    (failed_again,) = letters()
    assert (letter["id"], letter["of"], letter["cause"]) == ("adrift", "Fulfilment", "Lost: nobody knows")
    assert (letter["queue"], done) == ("", {"id": "adrift", "to": "adrift"})
    assert failed_again["queue"]


def test_of_a_failure_that_is_purged_nobody_hears_any_more_whether_it_left_a_letter_or_not(
    stocked, adrift, put, fail, letters, millrace
):
    failed(stocked, fail, put, "complete_order", "order_placed")
    assert [letter["origin"] for letter in letters()] == ["execution"] * 2
    assert millrace("dlq", "purge", "--all", "--yes")[0] == 0
    assert letters() == []


def test_a_purged_execution_that_is_redriven_and_fails_again_is_told_of(stocked, put, fail, letters, millrace):
    failed(stocked, fail, put, "complete_order", "order_placed")
    (letter,) = letters()
    millrace("dlq", "purge", "--all", "--yes")
    stocked.client("stepfunctions").redrive_execution(executionArn=letter["body"]["detail"]["executionArn"])
    stocked.settle()
    assert [each["body"]["detail"]["redriveCount"] for each in letters()] == [1]


def test_a_relays_letter_lets_it_publish_all_that_is_pending(cloud, put, function_named, letters, millrace):
    lambda_, relay = cloud.client("lambda"), function_named("relay_order_store")
    right = lambda_.get_function_configuration(FunctionName=relay)["Handler"]
    lambda_.update_function_configuration(FunctionName=relay, Handler="away.handler")
    flow = put("place_order")
    cloud.settle()
    (letter,) = letters()
    lambda_.update_function_configuration(FunctionName=relay, Handler=right)
    millrace("dlq", "redrive", "--all")
    assert (letter["origin"], letter["of"], letter["event"]) == ("changes", "OrderStore", "")
    assert "OrderPlaced" in names_after(cloud, flow)
    assert letters("--processor", "OrderStore") == []


def test_what_a_function_put_aside_goes_back_to_that_function_alone(cloud, put, letters, millrace):
    put("order_completed", total_cents="much")
    cloud.settle()
    told = {letter["attributes"]["CONSUMER"]: letter for letter in letters()}
    millrace("dlq", "redrive", told["award_points"]["id"])
    cloud.settle()
    again = [letter["attributes"]["CONSUMER"] for letter in letters()]
    assert {letter["origin"] for letter in told.values()} == {"aside"}
    assert "ContractError" in told["award_points"]["cause"]
    assert sorted(again) == sorted(told)


def test_a_letter_stays_while_nobody_takes_it(cloud, put, fail, queue_of_points, letters, millrace):
    failed(cloud, fail, put, "award_points")
    cloud.client("sqs").delete_queue(QueueUrl=queue_of_points)
    status, (done,) = millrace("dlq", "redrive", "--all")
    assert (status, "NonExistentQueue" in done["error"]) == (1, True)
    assert [letter["id"] for letter in letters()] == [done["id"]]


def test_ctrl_c_between_two_letters_leaves_the_others_to_be_seen(cloud, put, fail, letters, monkeypatch, millrace):
    failed(cloud, fail, put, "award_points")
    failed(cloud, fail, put, "rate_credit")
    left = [letter["id"] for letter in letters()][1:]

    def interrupt(seconds):
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr("millrace.cli.dlq.time.sleep", interrupt)
    assert main(["dlq", "redrive", "--all", "--rate", "0.1/s"]) == 130
    assert [letter["id"] for letter in letters()] == left


def test_what_is_no_rate_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["dlq", "redrive", "--rate", "0/s"])
    assert "'0/s' is no rate: write 5/s, or 0.5/s" in capsys.readouterr().err


def test_show_gives_the_whole_letter_with_the_trace_of_its_flow(cloud, put, fail, letters, millrace):
    order = failed(cloud, fail, put, "award_points")
    (letter,) = letters()
    _, shown = millrace("dlq", "show", letter["id"][:4])
    assert shown["body"]["detail"]["metadata"]["correlation_id"] == order
    assert shown["trace"]["roots"][0]["name"] == "OrderCompleted"


def test_nothing_is_purged_unless_a_person_agrees(cloud, put, fail, letters, millrace, capsys):
    failed(cloud, fail, put, "award_points")
    assert main(["dlq", "purge", "--all"]) == 2
    assert "Nothing was changed: answer yes, or pass --yes." in capsys.readouterr().err
    assert len(letters()) == 1
    assert millrace("dlq", "purge", "--all", "--yes")[0] == 0
    assert letters() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["redrive"], "which letters? Name their ids, a --processor, or --all."),
        (["show", "nope"], "0 of 0 dead letters have an id that begins with 'nope'."),
    ],
)
def test_wrong_use_is_answered_with_what_to_do(millrace, capsys, words, told):
    assert main(["dlq", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("there", ["sqs:us-east-1:111122223333:ledger", "lambda:us-east-1:111122223333:function:f"])
def test_what_another_account_did_not_take_goes_back_by_its_rule_alone(there):
    rule = "arn:aws:events:us-east-1:123456789012:rule/shop/Ledger"
    letter = SimpleNamespace(attributes={"TARGET_ARN": f"arn:aws:{there}", "RULE_ARN": rule}, text="{}")
    with pytest.raises(NoWayBack, match="cannot be called but by its rule: millrace replay --rule Ledger"):
        _to_target(None, letter)


def test_a_rate_spreads_what_is_given_back(monkeypatch):
    pauses = []
    monkeypatch.setattr("millrace.cli.dlq.time.sleep", pauses.append)
    assert list(_paced(["a", "b", "c"], 2.0)) == ["a", "b", "c"]
    assert [round(pause, 1) for pause in pauses] == [0.0, 0.5, 1.0]


def test_a_table_is_as_wide_as_its_terminal_and_an_age_is_in_its_largest_unit():
    lines = table(("ID", "CAUSE"), [["1", "x" * 60], ["22", "short\nlines"]], 40)
    assert [len(line) for line in lines] == [9, 40, 15]
    assert [age(seconds) for seconds in (-1, 5, 90, 7200, 200_000)] == ["0 s", "5 s", "2 min", "2 h", "2 d"]


def test_what_no_contract_names_is_told_and_goes_back_onto_the_bus(cloud, letters, millrace):
    entry = {"Source": "somebody.else", "DetailType": "OrderPlaced", "Detail": "{}", "EventBusName": "shop"}
    cloud.client("events").put_events(Entries=[entry])
    cloud.settle()
    (letter,) = letters()
    assert (letter["of"], letter["origin"], letter["event"]) == ("shop", "undeclared", "OrderPlaced")
    assert letter["cause"].startswith("Undeclared: No contract of this app has its source and detail-type.")
    assert millrace("dlq", "redrive", "--all")[1] == [{"id": letter["id"], "to": "shop"}]
    cloud.settle()
    assert [again["origin"] for again in letters()] == ["undeclared"], "still nobody declares it"


def test_a_letter_is_shown_without_what_is_sensitive_unless_that_is_asked_for(cloud, put, fail, letters, millrace):
    failed(cloud, fail, put, "place_order", event="place_order")
    (letter,) = letters()
    assert letter["body"]["detail"]["data"]["card"] == "*****"
    shown, revealed = (millrace("dlq", "show", letter["id"], *words)[1] for words in ([], ["--reveal"]))
    assert shown["body"]["detail"]["data"]["card"] == "*****"
    assert revealed["body"]["detail"]["data"]["card"] == "tok_4242"


def test_a_letter_that_is_no_event_is_shown_only_when_that_is_asked_for(cloud, letters, capsys, millrace):
    sqs = cloud.client("sqs")
    (url,) = [url for url in sqs.list_queues()["QueueUrls"] if "busdead" in url.lower()]
    sqs.send_message(QueueUrl=url, MessageBody="card 4242")
    (letter,) = letters()
    for words, told in ([], "no event, of 9 characters"), (["--reveal"], "card 4242"):
        assert main(["dlq", "show", letter["id"], *words]) == 0
        assert told in capsys.readouterr().out
