"""The one delivery engine: attempts, back-off, age, and where a delivery ends that never succeeds."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from millrace.local.core.scheduler import Scheduler

Exhausted = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: one not `retriable` ends the delivery, one not `counted` uses up no retry.

    `after` is how many seconds the target wants to be left alone.
    """

    code: str
    message: str
    retriable: bool = True
    counted: bool = True
    after: float = 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try again. `pause` gives seconds before retry 1, 2, …; `max_age` is in seconds."""

    retries: int
    max_age: float
    delay: Callable[[int], float]


@dataclass(frozen=True)
class FinalFailure:
    """How a delivery failed for good."""

    failure: Failure
    retries: int
    exhausted: Exhausted | None


Done = Callable[[Failure | None], None]


class Delivery:
    """One thing on its way to one target, until it is there or given up.

    `send` makes an attempt and calls its argument once, with None or the failure. `give_up` is told the ending.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        what: str,
        policy: RetryPolicy,
        send: Callable[[Done, int], None],
        give_up: Callable[[FinalFailure], None],
    ) -> None:
        self._scheduler = scheduler
        self._what = what
        self._policy = policy
        self._send = send
        self._give_up = give_up
        self._began = scheduler.clock.now()
        self._retries = 0
        self._uncounted = 0

    def start(self) -> None:
        """Put the first attempt on the agenda."""
        self._scheduler.soon(self._attempt, self._what)

    def _attempt(self) -> None:
        self._send(self._ended, self._retries + 1)

    def _ended(self, failure: Failure | None) -> None:
        if failure is None:
            return
        if not failure.retriable:
            self._give_up(FinalFailure(failure, self._retries, None))
        elif failure.counted and self._retries >= self._policy.retries:
            self._give_up(FinalFailure(failure, self._retries, "MaximumRetryAttempts"))
        else:
            self._try_again(failure)

    def _try_again(self, failure: Failure) -> None:
        self._retries += failure.counted
        self._uncounted += not failure.counted
        pause = self._policy.delay(self._retries) if failure.counted else throttling_delay(self._uncounted)
        due = self._scheduler.clock.now() + max(pause, failure.after)
        if due - self._began > self._policy.max_age:
            self._give_up(FinalFailure(failure, self._retries - failure.counted, "MaximumEventAgeInSeconds"))
        else:
            self._scheduler.at(due, self._attempt, f"retry of {self._what}")


def rule_retry_delay(retry: int, randomness: random.Random | None = None) -> float:
    """Seconds before EventBridge tries a target again: exponential, with jitter, at most 10 minutes.

    AWS gives no figures. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """
    return min(600.0, 2.0**retry) * (randomness or random).uniform(0.5, 1.0)


def async_retry_delay(retry: int) -> float:
    """Seconds before Lambda runs an asynchronous invocation again after a function error: one minute, then two.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return 60.0 * retry


def throttling_delay(time: int) -> float:
    """Seconds before Lambda retries a throttled asynchronous invocation: from one second up to five minutes.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return min(300.0, 2.0 ** (time - 1))
