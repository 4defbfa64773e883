"""The log of a bus: each event once, and nothing in it that a contract marks as sensitive."""

from typing import Annotated

import pytest

from millrace.constructs import Bus
from millrace.events import Event, Sensitive
from millrace.patterns import compile_pattern


class Knocked(Event, source="test.door"):
    pass


class Opened(Event, source="test.door"):
    code: Annotated[str, Sensitive()]


@pytest.fixture
def logging(stack, synthesised):
    """The targets of a bus's rules that log an event."""
    Bus(stack, "Bus", name="loud", log_events=True).rules(stack, [Knocked, Opened], [])
    targets = [(rule["EventPattern"], rule.get("Targets", ())) for rule in synthesised().of("Events::Rule").values()]
    logging_rules = [(pattern, target) for pattern, given in targets for target in given if target["Id"] == "Log"]

    def logging(source, detail_type):
        event = {"source": source, "detail-type": detail_type}
        return [target for pattern, target in logging_rules if compile_pattern(pattern).matches(event)]

    return logging


@pytest.mark.parametrize("name", [("test.door", "Knocked"), ("shop.loyalty", "PointsAwarded"), ("who", "Knows")])
def test_an_event_without_sensitive_fields_is_logged_whole(logging, name):
    (target,) = logging(*name)
    assert "InputTransformer" not in target


@pytest.mark.parametrize("name", [("test.door", "Opened"), ("shop.checkout", "PlaceOrder")])
def test_of_one_with_sensitive_fields_only_that_it_was_said_is_logged(logging, name):
    (target,) = logging(*name)
    transformer = target["InputTransformer"]
    assert "its data is sensitive" in transformer["InputTemplate"]
    assert not any(".data" in path for path in transformer["InputPathsMap"].values())
