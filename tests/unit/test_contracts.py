"""The contract tests of the shop, by the kit's plugin."""

from millrace.testing.contracts import test_consumer_reads_every_example, test_event_has_valid_examples

__all__ = ["test_consumer_reads_every_example", "test_event_has_valid_examples"]
