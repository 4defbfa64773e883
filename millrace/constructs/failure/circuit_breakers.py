"""What a handler's circuit breaker needs: its state, a queue to wait in, and an alarm."""

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE, grant_key
from millrace.constructs.function.function import Function
from millrace.constructs.observability.alarms import Alarms
from millrace.runtime.breaker import TABLE, Breaker
from millrace.runtime.waiting import QUEUE


class UnfitBreaker(ValueError):
    """A circuit breaker that cannot work on its channel."""


def refuse_breaker(scope: Construct, function: Function, channel: str) -> None:
    """Raise UnfitBreaker if a handler has a breaker, on a channel in which no event can wait."""
    if function.breaker:
        raise UnfitBreaker(
            f"{scope.node.path}: its handler has the breaker {function.breaker.name!r}, and on the channel {channel} "
            f"events cannot wait until the circuit closes: use queue()."
        )


def let_wait(
    scope: Construct, bus: Bus, function: Function, waiting: sqs.Queue, batch_size: int, alarms: Alarms
) -> None:
    """Where a handler has a breaker: give its function the state, let it put events back, watch it."""
    declared = function.breaker
    if declared is None:
        return
    _check_time(scope, function, declared, batch_size)
    bus.circuits.grant(function.role, declared.name)
    waiting.grant_send_messages(function.role)
    grant_key(bus.encryption_key, function.role, "sqs", WRITE)
    function.function.add_environment(TABLE, bus.circuits.table.table_name)
    function.function.add_environment(QUEUE, waiting.queue_url)
    function.note(breaker={"name": declared.name, "on": [kind.__name__ for kind in declared.on]})
    alarms.circuit(declared.name, function.name)


def _check_time(scope: Construct, function: Function, declared: Breaker, batch_size: int) -> None:
    """A call that Lambda's own timeout ends is seen by no breaker: the whole batch must have time to be too slow."""
    longest, given = batch_size * declared.timeout, function.timeout.to_seconds()
    if longest >= given:
        raise UnfitBreaker(
            f"{scope.node.path}: a batch of {batch_size} with {declared.timeout:g} s for each call may take "
            f"{longest:g} s, and the function has {given:g} s: set queue(batch_size=…), breaker(timeout=…) or "
            f"timeout=Duration.seconds(…), so that the batch fits."
        )
