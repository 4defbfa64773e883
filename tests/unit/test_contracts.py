"""The contract tests of the shop, by the kit's plugin."""

from millrace.testing.contracts import test_a_consumer_takes_an_event, test_an_event_has_an_example

__all__ = ["test_a_consumer_takes_an_event", "test_an_event_has_an_example"]
