"""The event log contains each event once, without sensitive data."""

from typing import Annotated

import pytest

from millrace.constructs import Bus
from millrace.events import Event, Sensitive
from millrace.patterns import compile_pattern


class Measured(Event, source="test.sensor"):
    pass


class Located(Event, source="test.sensor"):
    code: Annotated[str, Sensitive()]


@pytest.fixture
def logging(stack, synthesised):
    """Return the rule targets that log an event."""
    Bus(stack, "Bus", name="loud", log_events=True).add_rules(stack, [Measured, Located], [])
    targets = [(rule["EventPattern"], rule.get("Targets", ())) for rule in synthesised().of("Events::Rule").values()]
    logging_rules = [(pattern, target) for pattern, given in targets for target in given if target["Id"] == "Log"]

    def logging(source, detail_type):
        event = {"source": source, "detail-type": detail_type}
        return [target for pattern, target in logging_rules if compile_pattern(pattern).matches(event)]

    return logging


@pytest.mark.parametrize("name", [("test.sensor", "Measured"), ("shop.loyalty", "PointsAwarded"), ("any", "Other")])
def test_event_without_sensitive_fields_is_logged_completely(logging, name):
    (target,) = logging(*name)
    assert "InputTransformer" not in target


@pytest.mark.parametrize("name", [("test.sensor", "Located"), ("shop.checkout", "PlaceOrder")])
def test_event_with_sensitive_fields_is_logged_without_its_data(logging, name):
    (target,) = logging(*name)
    transformer = target["InputTransformer"]
    assert "its data is sensitive" in transformer["InputTemplate"]
    assert not any(".data" in path for path in transformer["InputPathsMap"].values())
