"""A circuit breaker around a handler whose dependency fails: Powertools', with its state in DynamoDB.

An event whose dependency is away is not counted as failed: see `millrace.runtime.waiting`.
https://docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker/
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from millrace.runtime import observe
from millrace.runtime.waiting import Waits

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

F = TypeVar("F", bound=Callable[..., Any])
TABLE = "MILLRACE_CIRCUITS"
"""The environment variable with the name of the table of states."""
METRIC = "CircuitOpen"
_MARK = "millrace_breaker"


class TooSlow(TimeoutError):
    """A dependency has not answered within the time that its breaker gives it."""


class MisplacedBreaker(TypeError):
    """A breaker that nothing could use where it stands."""


@dataclass(frozen=True)
class Breaker:
    """What a handler declares of its dependency; times are in seconds. See `breaker`."""

    name: str
    on: tuple[type[Exception], ...]
    threshold: int
    recovery: int
    timeout: float
    patience: int


def breaker(
    name: str,
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    threshold: int = 5,
    recovery: int = 30,
    timeout: float = 2,
    patience: int = 24 * 3600,
) -> Callable[[F], F]:
    """Declare that a handler depends on something that may be away: `@breaker("mailer", on=MailerDown)`.

    Written below @processor. The dependency is away when the handler raises one of `on`, or takes longer than
    `timeout`. After `threshold` times in a row the circuit is open: the handler is not called, for `recovery` seconds;
    then one call tries, and closes the circuit or opens it anew. Processors that give one `name` share its state. An
    event waits in its queue meanwhile, for `patience` seconds at most; after that it fails like any other.
    """
    kinds = on if isinstance(on, tuple) else (on,)

    def declare(function: F) -> F:
        if not hasattr(function, "__code__"):
            raise MisplacedBreaker(f"@breaker({name!r}) stands above @processor: write it below, next to the function.")
        vars(function)[_MARK] = Breaker(name, kinds, threshold, recovery, timeout, patience)
        return function

    return declare


def breaker_of(function: Callable[..., Any]) -> Breaker | None:
    """What a function declares of its dependency."""
    found: Breaker | None = getattr(function, _MARK, None)
    return found


def guarded(function: F, declared: Breaker | None) -> F | Callable[..., Any]:
    """A function behind its breaker. Raises Waits where the dependency is away."""
    return _behind(function, declared) if declared else function


def _behind(function: Callable[..., Any], declared: Breaker) -> Callable[..., Any]:
    from aws_lambda_powertools.utilities.circuit_breaker import (  # noqa: PLC0415 - only a breaker needs it
        CircuitBreakerConfig,
        CircuitBreakerOpenError,
        circuit_breaker,
    )

    away: tuple[type[Exception], ...] = (*declared.on, TooSlow)
    config = CircuitBreakerConfig(
        failure_threshold=declared.threshold,
        recovery_timeout=declared.recovery,
        success_threshold=1,
        handled_exceptions=away,
    )

    @circuit_breaker(declared.name, _states(), on_transition=_tell, config=config)
    def call(**given: Any) -> Any:
        with _within(declared.timeout, declared.name):
            return function(**given)

    def protected(**given: Any) -> Any:
        try:
            return call(**given)
        except CircuitBreakerOpenError as error:
            _measure(declared.name, 1)
            opened = error.circuit.opened_at if error.circuit else None
            probe = (opened or time.time()) + declared.recovery - time.time()
            raise Waits(str(error), seconds=max(1.0, probe), patience=declared.patience) from error
        except away as error:
            told = f"{type(error).__name__}: {error}"
            raise Waits(told, seconds=declared.recovery, patience=declared.patience) from error

    return protected


@cache
def _states() -> "CircuitBreakerDynamoDBPersistence":
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import (  # noqa: PLC0415 - as above
        CircuitBreakerDynamoDBPersistence,
    )

    if TABLE not in os.environ:
        raise LookupError(f"{TABLE} is not set: the construct of a handler with a breaker sets it.")
    return CircuitBreakerDynamoDBPersistence(os.environ[TABLE])


@contextmanager
def _within(seconds: float, name: str) -> Iterator[None]:
    """Raise TooSlow in the midst of what takes too long. Lambda calls a handler on the main thread, as this needs."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"{name} did not answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _tell(transition: "CircuitTransition") -> None:
    """Log a change of state, and measure it: half-open is open still."""
    told = {"name": transition.circuit_name, "from": str(transition.from_state), "to": str(transition.to_state)}
    observe.logger().warning("circuit changed", extra={"circuit": told})
    _measure(transition.circuit_name, int(transition.to_state != "CLOSED"))


def _measure(name: str, value: int) -> None:
    from aws_lambda_powertools.metrics import MetricUnit, single_metric  # noqa: PLC0415 - as above

    with single_metric(name=METRIC, unit=MetricUnit.Count, value=value, namespace=observe.namespace()) as metric:
        metric.add_dimension(name="circuit", value=name)
