"""A circuit breaker for a dependency of a handler: the one of Powertools, with its state in DynamoDB.

While the dependency is unavailable, events are requeued and do not count as failed: see `millrace.runtime.requeue`.
https://docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker/
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from millrace.runtime import observe
from millrace.runtime.environment import required
from millrace.runtime.requeue import DependencyUnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

F = TypeVar("F", bound=Callable[..., Any])
TABLE = "MILLRACE_CIRCUITS"
"""The environment variable with the table of the states."""
METRIC = "CircuitOpen"
_MARK = "millrace_breaker"


class DependencyTimeoutError(TimeoutError):
    """A dependency did not respond within the timeout of its breaker."""


class MisplacedBreakerError(TypeError):
    """A breaker is on a function that cannot use it."""


@dataclass(frozen=True)
class Breaker:
    """The circuit breaker of a handler, with times in seconds. See `breaker`."""

    name: str
    on: tuple[type[Exception], ...]
    threshold: int
    recovery: int
    timeout: float
    max_wait: int


def breaker(
    name: str,
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    threshold: int = 5,
    recovery: int = 30,
    timeout: float = 2,
    max_wait: int = 24 * 3600,
) -> Callable[[F], F]:
    """Declare a dependency that can be unavailable: `@breaker("mailer", on=MailerDown)`, below @processor.

    A call fails if the handler raises one of `on`, or takes longer than `timeout` seconds. After `threshold` failures
    in a row the circuit is open, and the handler is not called for `recovery` seconds. Then one call closes the circuit
    or opens it again. Processors with the same `name` share a circuit. Meanwhile an event waits in its queue for at
    most `max_wait` seconds; after that it fails.
    """
    kinds = on if isinstance(on, tuple) else (on,)

    def declare(function: F) -> F:
        if not hasattr(function, "__code__"):
            raise MisplacedBreakerError(
                f"@breaker({name!r}) is above @processor: write it below, next to the function."
            )
        vars(function)[_MARK] = Breaker(name, kinds, threshold, recovery, timeout, max_wait)
        return function

    return declare


def breaker_of(function: Callable[..., Any]) -> Breaker | None:
    """Return the breaker of a function."""
    found: Breaker | None = getattr(function, _MARK, None)
    return found


def guarded(function: F, declared: Breaker | None) -> F | Callable[..., Any]:
    """Wrap a function in its breaker. It raises DependencyUnavailableError while the dependency is unavailable."""
    if declared is None:
        return function
    from aws_lambda_powertools.utilities.circuit_breaker import (  # noqa: PLC0415 - only a breaker needs it
        CircuitBreakerConfig,
        CircuitBreakerOpenError,
        circuit_breaker,
    )

    failures: tuple[type[Exception], ...] = (*declared.on, DependencyTimeoutError)
    config = CircuitBreakerConfig(
        failure_threshold=declared.threshold,
        recovery_timeout=declared.recovery,
        success_threshold=1,
        handled_exceptions=failures,
    )

    @circuit_breaker(declared.name, _states(), on_transition=_log_transition, config=config)
    def call(**given: Any) -> Any:
        with _time_limit(declared.timeout, declared.name):
            return function(**given)

    def protected(**given: Any) -> Any:
        try:
            return call(**given)
        except CircuitBreakerOpenError as error:
            _measure(declared.name, 1)
            opened = error.circuit.opened_at if error.circuit else None
            probe = (opened or time.time()) + declared.recovery - time.time()
            seconds = max(1.0, probe)
            raise DependencyUnavailableError(str(error), seconds=seconds, max_wait=declared.max_wait) from error
        except failures as error:
            message = f"{type(error).__name__}: {error}"
            raise DependencyUnavailableError(message, seconds=declared.recovery, max_wait=declared.max_wait) from error

    return protected


@cache
def _states() -> "CircuitBreakerDynamoDBPersistence":
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import (  # noqa: PLC0415 - as above
        CircuitBreakerDynamoDBPersistence,
    )

    return CircuitBreakerDynamoDBPersistence(required(TABLE, "the construct of a handler with a breaker sets it."))


@contextmanager
def _time_limit(seconds: float, name: str) -> Iterator[None]:
    """Raise DependencyTimeoutError in a call that takes too long. SIGALRM needs the main thread, which Lambda uses."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise DependencyTimeoutError(f"{name} did not respond within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _log_transition(transition: "CircuitTransition") -> None:
    """Log and measure a change of state. Half-open is measured as open."""
    details = {"name": transition.circuit_name, "from": str(transition.from_state), "to": str(transition.to_state)}
    observe.logger().warning("circuit changed", extra={"circuit": details})
    _measure(transition.circuit_name, int(transition.to_state != "CLOSED"))


def _measure(name: str, value: int) -> None:
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # noqa: PLC0415 - as above

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=value, namespace=observe.namespace()) as metric:
        metric.add_dimension(name="circuit", value=name)
