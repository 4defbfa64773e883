"""Resources of a handler's circuit breaker: its state, a queue for waiting events, and an alarm."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.function.function import Function
from millrace.constructs.observability.alarms import Alarms
from millrace.runtime.breaker import TABLE, Breaker
from millrace.runtime.requeue import QUEUE


class BreakerConfigurationError(ValueError):
    """A circuit breaker does not work with its channel or timeouts."""


def reject_breaker(scope: Construct, function: Function, channel: str) -> None:
    """Raise BreakerConfigurationError if the handler has a breaker: on this channel, events cannot wait."""
    if function.breaker:
        raise BreakerConfigurationError(
            f"{scope.node.path}: the handler has the breaker {function.breaker.name!r}, and on the channel {channel} "
            f"events cannot wait until the circuit closes: use queue()."
        )


def enable_breaker(
    scope: Construct, bus: Bus, function: Function, queue: sqs.Queue, batch_size: int, alarms: Alarms
) -> None:
    """If the handler has a breaker, grant access to its state, allow requeueing of events, and add an alarm."""
    breaker = function.breaker
    if breaker is None:
        return
    _check_timeouts(scope, function, breaker, batch_size)
    bus.circuits.grant(function.role, breaker.name)
    queue.grant_send_messages(function.role)
    function.allow_recursive_loop()
    grant_key(bus.encryption_key, function.role, "sqs", WRITE_ACTIONS)
    function.function.add_environment(TABLE, bus.circuits.table.table_name)
    function.function.add_environment(QUEUE, queue.queue_url)
    function.add_metadata(breaker={"name": breaker.name, "on": [kind.__name__ for kind in breaker.on]})
    alarms.circuit(breaker.name, function.name)


def _check_timeouts(scope: Construct, function: Function, breaker: Breaker, batch_size: int) -> None:
    """Check that a whole batch of slow calls fits into the function's timeout: a breaker does not see Lambda's."""
    longest, timeout = batch_size * breaker.timeout, function.timeout.to_seconds()
    if longest >= timeout:
        raise BreakerConfigurationError(
            f"{scope.node.path}: a batch of {batch_size} calls of up to {breaker.timeout:g} s can take {longest:g} s, "
            f"and the function's timeout is {timeout:g} s: change queue(batch_size=…), breaker(timeout=…), or "
            f"timeout=Duration.seconds(…) so that the batch fits."
        )
