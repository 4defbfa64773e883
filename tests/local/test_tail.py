"""`millrace tail`: what happens, from the journal of a local cloud or from CloudWatch Logs."""

import argparse
import itertools
import json

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.deployed import Deployed
from millrace.cli.project import ASSEMBLY, Project
from millrace.cli.tail import filter_of, journal_looks, line_of, log_looks
from millrace.cli.target import Cloud
from millrace.local.core.history import MAX_RECENT_RECORDS, EventHistory, Record, Reference

ALL = {"event": None, "processor": None, "flow": None, "errors": False}
SAID = Record("event", 5.0, "f", "e", "OrderPlaced", {"producer": "put"})
DONE = Record("attempt", 6.0, "f", "e", "rate_credit", {"outcome": "ok", "event": "OrderPlaced"})
FAILED = Record("attempt", 7.0, "g", "d", "rate_credit", {"outcome": "error", "error": "ValueError: no"})
DEAD = Record("dead-letter", 8.0, "g", "d", "rate_credit", {"queue": "letters"})
ENDED = Record("execution", 9.0, "g", "d", "Fulfilment", {"status": "FAILED"})


@pytest.mark.parametrize(
    ("asked", "begin", "found"),
    [
        ({}, 0, [SAID, DONE, FAILED, DEAD, ENDED]),
        ({}, 6.5, [FAILED, DEAD, ENDED]),
        ({"event": "OrderPlaced"}, 0, [SAID, DONE]),
        ({"processor": "put"}, 0, [SAID]),
        ({"flow": "f"}, 0, [SAID, DONE]),
        ({"errors": True}, 0, [FAILED, DEAD, ENDED]),
    ],
)
def test_a_record_is_shown_if_it_is_asked_for(asked, begin, found):
    wanted = filter_of(argparse.Namespace(**(ALL | asked)), begin)
    assert [record for record in (SAID, DONE, FAILED, DEAD, ENDED) if wanted(record)] == found


def test_a_line_says_what_went_wrong():
    assert line_of(FAILED).endswith("✗ rate_credit          attempt     ValueError: no")
    assert line_of(DEAD).endswith("✗ rate_credit          dead-letter dead letter in letters")
    assert line_of(SAID).endswith("● OrderPlaced          event       put")


def test_a_look_gives_what_the_journal_has_noted_since_the_last_one(cloud, put):
    looks = journal_looks(Cloud(cloud.endpoint_url))
    next(looks)
    put("order_completed")
    cloud.settle()
    first, second = next(looks), next(looks)
    assert {"OrderCompleted", "rate_credit", "award_points"} <= {record.name for record in first}
    assert second == []


def test_the_logs_of_the_functions_tell_it_too_and_nothing_twice(cloud, put, monkeypatch, pytestconfig):
    begin = cloud.scheduler.clock.now()
    order = put("order_completed")
    cloud.settle()
    project = Project(pytestconfig.rootpath, ASSEMBLY)
    looks = log_looks(Deployed(project, Cloud(cloud.endpoint_url)), begin)
    first, second = next(looks), next(looks)
    assert {"PointsAwarded", "rate_credit", "award_points"} <= {record.name for record in first}
    assert {record.correlation_id for record in first} == {order}
    assert second == []


def test_ctrl_c_ends_it_well_and_each_record_is_a_line_of_json(cloud, put, millrace, monkeypatch, capsys):
    put("order_completed")
    cloud.settle()

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.cli.tail.time.sleep", interrupt)
    assert main(["tail", "--since", "1h", "--processor", "rate_credit", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines} >= {"attempt", "event"}


def test_the_journal_follows_only_what_it_still_knows():
    history = EventHistory(argparse.Namespace(now=itertools.count(1.0).__next__))
    for number in range(MAX_RECENT_RECORDS + 5):
        history.add("event", Reference(str(number), "f", "E"), "E")
    made, records = history.since(2)
    assert (made, len(records), records[0].event_id) == (MAX_RECENT_RECORDS + 5, MAX_RECENT_RECORDS, "5")
    assert history.since(made) == (made, [])
