"""`millrace tail` follows records from the local cloud's event history or from CloudWatch Logs."""

import itertools
import json
from types import SimpleNamespace

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main
from millrace.cli.events import record_line
from millrace.cli.project import ASSEMBLY, Project
from millrace.local.core.history import MAX_RECENT_RECORDS, EventHistory
from millrace.operations.cloud import Cloud
from millrace.operations.history import Record, Reference
from millrace.operations.tail import Filter, history_polls, log_polls

PUBLISHED = Record("event", 5.0, "f", "e", "OrderPlaced", {"producer": "put"})
DONE = Record("attempt", 6.0, "f", "e", "rate_credit", {"outcome": "ok", "event": "OrderPlaced"})
FAILED = Record("attempt", 7.0, "g", "d", "rate_credit", {"outcome": "error", "error": "ValueError: no"})
DEAD = Record("dead-letter", 8.0, "g", "d", "rate_credit", {"queue": "failures"})
ENDED = Record("execution", 9.0, "g", "d", "Fulfilment", {"status": "FAILED"})


@pytest.mark.parametrize(
    ("filters", "begin", "found"),
    [
        ({}, 0, [PUBLISHED, DONE, FAILED, DEAD, ENDED]),
        ({}, 6.5, [FAILED, DEAD, ENDED]),
        ({"event": "OrderPlaced"}, 0, [PUBLISHED, DONE]),
        ({"processor": "put"}, 0, [PUBLISHED]),
        ({"flow": "f"}, 0, [PUBLISHED, DONE]),
        ({"errors": True}, 0, [FAILED, DEAD, ENDED]),
    ],
)
def test_only_records_that_pass_the_filter_are_shown(filters, begin, found):
    matches = Filter(begin, **filters).matches
    assert [record for record in (PUBLISHED, DONE, FAILED, DEAD, ENDED) if matches(record)] == found


def test_a_line_shows_the_error():
    assert record_line(FAILED).endswith("✗ rate_credit          attempt     ValueError: no")
    assert record_line(DEAD).endswith("✗ rate_credit          dead-letter dead letter in failures")
    assert record_line(PUBLISHED).endswith("● OrderPlaced          event       put")


def test_a_poll_returns_the_new_records_of_the_event_history(cloud, put):
    polls = history_polls(Cloud(cloud.endpoint_url))
    next(polls)
    put("order_completed")
    cloud.settle()
    first, second = next(polls), next(polls)
    assert {"OrderCompleted", "rate_credit", "award_points"} <= {record.name for record in first}
    assert second == []


def test_the_logs_of_the_functions_contain_the_same_records_once(cloud, put, monkeypatch, pytestconfig):
    begin = cloud.scheduler.clock.now()
    order = put("order_completed")
    cloud.settle()
    project = Project(pytestconfig.rootpath, ASSEMBLY)
    polls = log_polls(project.deployed(Cloud(cloud.endpoint_url)), begin)
    first, second = next(polls), next(polls)
    assert {"PointsAwarded", "rate_credit", "award_points"} <= {record.name for record in first}
    assert {record.correlation_id for record in first} == {order}
    assert second == []


def test_ctrl_c_ends_tail_with_0_and_each_record_is_a_line_of_json(cloud, put, millrace, monkeypatch, capsys):
    put("order_completed")
    cloud.settle()

    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.tail.time.sleep", interrupt)
    assert main(["tail", "--since", "1h", "--processor", "rate_credit", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines} >= {"attempt", "event"}


def test_the_event_history_returns_only_the_records_it_still_holds():
    history = EventHistory(SimpleNamespace(now=itertools.count(1.0).__next__))
    for number in range(MAX_RECENT_RECORDS + 5):
        history.add("event", Reference(str(number), "f", "E"), "E")
    made, records = history.since(2)
    assert (made, len(records), records[0].event_id) == (MAX_RECENT_RECORDS + 5, MAX_RECENT_RECORDS, "5")
    assert history.since(made) == (made, [])


def test_an_event_without_metadata_that_a_consumer_rejects_is_an_error(cloud, millrace, recorded, capsys):
    envelope = recorded("order_completed")
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "Detail": '{"order_id": "order-7"}'}
    answer = cloud.client("events").put_events(Entries=[{**entry, "EventBusName": "shop"}])
    cloud.settle()
    trace = str(cloud.trace(answer["Entries"][0]["EventId"]))
    assert "✗ rate_credit" in trace
    assert "✓" not in trace
    failed = [record for record in next(history_polls(Cloud(cloud.endpoint_url))) if record.kind == "attempt"]
    assert all(map(Filter(errors=True).matches, failed[-5:]))


def test_a_poll_is_sorted_by_time():
    records = [vars(record) for record in (DEAD, PUBLISHED, FAILED, DONE)]
    polls = history_polls(SimpleNamespace(call=lambda _: {"next": 4, "records": records}))
    assert next(polls) == [PUBLISHED, DONE, FAILED, DEAD]
