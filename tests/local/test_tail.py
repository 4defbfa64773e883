"""`millrace tail`: what happens, from the journal of a local cloud or from CloudWatch Logs."""

import itertools
import json
from types import SimpleNamespace

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.events import record_line
from millrace.cli.project import ASSEMBLY, Project
from millrace.local.journal import MOST_LATEST, Journal
from millrace.operations.cloud import Cloud
from millrace.operations.history import Record, Reference
from millrace.operations.tail import Filter, history_polls, log_polls

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
    wanted = Filter(begin, **asked).matches
    assert [record for record in (SAID, DONE, FAILED, DEAD, ENDED) if wanted(record)] == found


def test_a_line_says_what_went_wrong():
    assert record_line(FAILED).endswith("✗ rate_credit          attempt     ValueError: no")
    assert record_line(DEAD).endswith("✗ rate_credit          dead-letter dead letter in letters")
    assert record_line(SAID).endswith("● OrderPlaced          event       put")


def test_a_look_gives_what_the_journal_has_noted_since_the_last_one(cloud, put):
    looks = history_polls(Cloud(cloud.endpoint_url))
    next(looks)
    put("order_completed")
    cloud.settle()
    first, second = next(looks), next(looks)
    assert {"OrderCompleted", "rate_credit", "award_points"} <= {record.name for record in first}
    assert second == []


def test_the_logs_of_the_functions_tell_it_too_and_nothing_twice(cloud, put, monkeypatch, pytestconfig):
    begin = cloud.agenda.clock.now()
    order = put("order_completed")
    cloud.settle()
    project = Project(pytestconfig.rootpath, ASSEMBLY)
    looks = log_polls(project.deployed(Cloud(cloud.endpoint_url)), begin)
    first, second = next(looks), next(looks)
    assert {"PointsAwarded", "rate_credit", "award_points"} <= {record.name for record in first}
    assert {record.correlation_id for record in first} == {order}
    assert second == []


def test_ctrl_c_ends_it_well_and_each_record_is_a_line_of_json(cloud, put, millrace, monkeypatch, capsys):
    put("order_completed")
    cloud.settle()

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.tail.time.sleep", interrupt)
    assert main(["tail", "--since", "1h", "--processor", "rate_credit", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines} >= {"attempt", "event"}


def test_the_journal_follows_only_what_it_still_knows():
    journal = Journal(SimpleNamespace(now=itertools.count(1.0).__next__))
    for number in range(MOST_LATEST + 5):
        journal.add("event", Reference(str(number), "f", "E"), "E")
    made, records = journal.since(2)
    assert (made, len(records), records[0].event_id) == (MOST_LATEST + 5, MOST_LATEST, "5")
    assert journal.since(made) == (made, [])
