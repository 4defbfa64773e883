"""The contract tests of the shop, by the kit's plugin."""

from millrace.testing.contracts import test_consumer_accepts_event, test_event_has_example

__all__ = ["test_consumer_accepts_event", "test_event_has_example"]
