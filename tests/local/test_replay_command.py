"""`millrace replay` counts archived events, replays them to chosen rules, and is cancelled by Ctrl-C."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.replay import plan_lines
from millrace.operations import UsageError
from millrace.operations.replay import Rule, Window, event_counts, parse_time

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def order(cloud, put):
    """A settled flow in the archive, three hours after those of other tests."""
    cloud.on_loop(lambda: cloud.scheduler.after(3 * 3600, lambda: None, "a test"))
    cloud.settle()
    correlation_id = put("order_completed")
    cloud.settle()
    return correlation_id


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C as soon as a command waits."""

    def interrupt(_seconds):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.replay.time.sleep", interrupt)


def attempts(cloud, correlation_id, name):
    return sum(len(work.attempts) for work in cloud.trace(correlation_id).works() if work.name == name)


def test_a_dry_run_counts_the_events_for_each_rule_and_replays_none(order, cloud, millrace):
    replays = cloud.client("events").list_replays
    before = replays()["Replays"]
    status, plan = millrace("replay", "--from", "1h", "--dry-run")
    assert (status, plan["archive"]["EventCount"] >= len(cloud.trace(order).names())) == (0, True)
    assert plan["events"]["award_points"] == {"OrderCompleted": 1}
    assert replays()["Replays"] == before


def test_only_the_chosen_rules_receive_the_events(order, cloud, millrace):
    status, outcome = millrace("replay", "--from", "1h", "--rule", "rate_credit")
    cloud.settle()
    assert (status, outcome["state"], outcome["events"]) == (0, "COMPLETED", {"rate_credit": {"OrderCompleted": 1}})
    assert (attempts(cloud, order, "rate_credit"), attempts(cloud, order, "award_points")) == (2, 1)


def test_events_outside_the_window_are_not_replayed(order, cloud, millrace):
    millrace("replay", "--from", "2h", "--to", "1h", "--every-rule")
    cloud.settle()
    assert attempts(cloud, order, "rate_credit") == 1


def test_a_replay_to_every_rule_needs_an_option(millrace, capsys):
    assert main(["replay", "--from", "1h"]) == 2
    assert "choose consumers with --rule (Fulfilment, award_points, " in capsys.readouterr().err


def test_ctrl_c_cancels_the_replay(order, cloud, millrace, interrupted):
    status, outcome = millrace("replay", "--from", "1h", "--rule", "rate_credit")
    assert (status, outcome["state"]) == (1, "CANCELLED")
    assert attempts(cloud, order, "rate_credit") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--rule", "missing"],
            "No rule is named missing or delivers to it. Rules deliver to: Fulfilment, award_points",
        ),
        (["--every-rule", "--to", "2h"], "is not before --to"),
        (["--every-rule", "--archive", "none"], "has no archive 'none'"),
    ],
)
def test_wrong_usage_is_explained(millrace, capsys, words, message):
    assert main(["replay", "--from", "1h", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "then"),
    [("0s", NOON), ("90min", NOON.replace(hour=10, minute=30)), ("2026-11-27T13:00+02:00", NOON.replace(hour=11))],
)
def test_a_time_is_iso_8601_or_an_age(text, then):
    assert parse_time(text, NOON.timestamp()) == then


def test_a_malformed_time_is_rejected():
    with pytest.raises(UsageError, match="'yesterday' is not a time: write 2026-11-27T10:00, or an age: 30min, 2h, 1d"):
        parse_time("yesterday", 0)


def test_a_consumer_with_two_rules_is_counted_once():
    events = [{"happened": 5.0, "envelope": {"source": "shop", "detail-type": name}} for name in ("Paid", "Sent")]
    rules = [Rule(name, "arn", "bill", json.dumps({"detail-type": [name]})) for name in ("Paid", "Sent")]
    archive = {"ArchiveName": "all", "EventCount": 2, "SizeBytes": 9}
    window = Window(archive, datetime.fromtimestamp(0, UTC), NOON, rules)
    counts = event_counts(SimpleNamespace(is_local=True, call=lambda _: events), window)
    assert counts == {"bill": {"Paid": 1, "Sent": 1}}
    assert [line for line in plan_lines(window, counts) if "bill" in line] == ["to       bill: 1 Paid, 1 Sent"]
