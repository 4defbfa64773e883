"""Logs, metrics and traces of a function."""

import json

import pytest

from millrace.events import Metadata
from millrace.runtime import observe

METADATA = Metadata.root(producer="p").model_copy(
    update={"event_id": "e", "correlation_id": "c", "causation_id": "b", "hops": 3}
)
IDS = {"event_id": "e", "correlation_id": "c", "causation_id": "b", "hops": 3}


@pytest.fixture
def lines(caplog, capsys):
    """The level, message and flow that a call logs, and its metrics: the namespace, and each value with its unit."""
    caplog.set_level("INFO")

    def lines():
        (log,) = caplog.records
        metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
        (named,) = metrics["_aws"]["CloudWatchMetrics"]
        counts = {metric["Name"]: (metrics[metric["Name"]], metric["Unit"]) for metric in named["Metrics"]}
        return log.levelname, log.message, log.flow, (named["Namespace"], counts)

    return lines


def counted(**counts):
    return ("Millrace", {name: ([float(value)], "Count") for name, value in counts.items()})


def test_a_handled_event_is_logged_with_what_it_caused(lines):
    known = {"event_id": "f", "occurred_at": "now"}
    published = [
        {"detail-type": "Drunk", "detail": {"metadata": known | {"causation_id": "e"}}},
        {"detail-type": "Root", "detail": {"metadata": known}},
    ]
    observe.handled("Poured", METADATA, 2, published)
    level, message, flow, metrics = lines()
    assert (level, message) == ("INFO", "event handled")
    assert flow == {
        "event": "Poured",
        **IDS,
        "attempt": 2,
        "published": [
            {"event": "Drunk", "event_id": "f", "causation_id": "e", "occurred_at": "now"},
            {"event": "Root", "event_id": "f", "causation_id": "", "occurred_at": "now"},
        ],
    }
    assert metrics == counted(EventsHandled=1, EventsPublished=2)


ENVELOPE = {"detail-type": "Poured", "detail": {"metadata": {**IDS, "producer": "p"}}}
ERROR = {"error": {"type": "ValueError", "message": "why"}}


@pytest.mark.parametrize(
    ("report", "level", "message", "metric", "more"),
    [
        (observe.failed, "ERROR", "event failed", "EventsFailed", {}),
        (observe.requeued, "WARNING", "event requeued", "EventsRequeued", {}),
        (observe.quarantined, "ERROR", "event quarantined", "EventsQuarantined", {"quarantined": True}),
    ],
)
def test_what_becomes_of_an_event_is_logged_and_counted(lines, report, level, message, metric, more):
    report(ENVELOPE, 4, ValueError("why"))
    assert lines() == (
        level,
        message,
        {"event": "Poured", **IDS, "attempt": 4, **ERROR, **more},
        counted(**{metric: 1}),
    )


def test_a_failure_is_logged_with_its_error(caplog):
    error = ValueError("why")
    observe.failed(ENVELOPE, 1, error)
    assert caplog.records[0].exc_info[1] is error


@pytest.mark.parametrize("envelope", ["text", {"detail-type": "Poured", "detail": "x"}, {"detail": {"metadata": []}}])
def test_what_is_not_an_event_is_logged_without_ids(lines, envelope):
    observe.failed(envelope, 1, ValueError("why"))
    name = envelope.get("detail-type") if isinstance(envelope, dict) else None
    assert lines()[2] == {"event": name, "attempt": 1, **ERROR}


@pytest.mark.parametrize(
    ("header", "traceparent"),
    [
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
        ),
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00",
        ),
        ("Root=1-5759e988-bd862e3fe1be46a994272793", None),
        ("", None),
        (None, None),
    ],
)
def test_the_trace_of_lambda_is_written_as_w3c_does(monkeypatch, header, traceparent):
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    if header is not None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    assert observe.traceparent() == traceparent


def test_a_function_is_traced_only_if_its_construct_enables_it(monkeypatch):
    def function():
        return 7

    monkeypatch.delenv("MILLRACE_TRACER", raising=False)
    assert observe.traced(function) is function
    monkeypatch.setenv("MILLRACE_TRACER", "powertools")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    traced = observe.traced(function)
    assert (traced is function, traced(), traced.__name__) == (False, 7, "function")
