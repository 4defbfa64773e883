"""Deliveries with retries: attempts, backoff, maximum age and final failure."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from millrace.local.core.scheduler import Scheduler

Exhausted = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed. Only `counted` failures use up retries. `after` is the target's Retry-After in seconds."""

    code: str
    message: str
    retriable: bool = True
    counted: bool = True
    after: float = 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often to retry. `delay` returns the seconds before retry 1, 2, …; `max_age` is in seconds."""

    retries: int
    max_age: float
    delay: Callable[[int], float]


@dataclass(frozen=True)
class FinalFailure:
    """The failure that ended a delivery, and the limit that was reached."""

    failure: Failure
    retries: int
    exhausted: Exhausted | None


Done = Callable[[Failure | None], None]


class Delivery:
    """One delivery to one target, with its retries.

    `send` makes an attempt and calls its first argument once, with None or the failure. `failed` gets the failure that
    ends the delivery.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        what: str,
        policy: RetryPolicy,
        send: Callable[[Done, int], None],
        failed: Callable[[FinalFailure], None],
    ) -> None:
        self._scheduler = scheduler
        self._what = what
        self._policy = policy
        self._send = send
        self._failed = failed
        self._began = scheduler.clock.now()
        self._retries = 0
        self._uncounted = 0

    def start(self) -> None:
        """Schedule the first attempt."""
        self._scheduler.soon(self._attempt, self._what)

    def _attempt(self) -> None:
        self._send(self._attempted, self._retries + 1)

    def _attempted(self, failure: Failure | None) -> None:
        if failure is None:
            return
        if not failure.retriable:
            self._failed(FinalFailure(failure, self._retries, None))
        elif failure.counted and self._retries >= self._policy.retries:
            self._failed(FinalFailure(failure, self._retries, "MaximumRetryAttempts"))
        else:
            self._retry(failure)

    def _retry(self, failure: Failure) -> None:
        self._retries += failure.counted
        self._uncounted += not failure.counted
        delay = self._policy.delay(self._retries) if failure.counted else throttling_delay(self._uncounted)
        due = self._scheduler.clock.now() + max(delay, failure.after)
        if due - self._began > self._policy.max_age:
            self._failed(FinalFailure(failure, self._retries - failure.counted, "MaximumEventAgeInSeconds"))
        else:
            self._scheduler.at(due, self._attempt, f"retry of {self._what}")


def rule_retry_delay(retry: int, randomness: random.Random | None = None) -> float:
    """Return the seconds before EventBridge's retry: exponential, with jitter, at most 10 minutes.

    AWS publishes no figures. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """
    return min(600.0, 2.0**retry) * (randomness or random).uniform(0.5, 1.0)


def async_retry_delay(retry: int) -> float:
    """Return the seconds before Lambda retries an asynchronous invocation after a function error: 60, then 120.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return 60.0 * retry


def throttling_delay(retry: int) -> float:
    """Return the seconds before Lambda retries a throttled asynchronous invocation: 1 to 300.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return min(300.0, 2.0 ** (retry - 1))
