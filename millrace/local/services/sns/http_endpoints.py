"""Deliveries to HTTP endpoints of this machine.

https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
"""

import http.client
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from millrace.local.services.eventbridge import HttpRequest, NotLoopbackError, send
from millrace.local.services.sns.notifications import Notification

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_DELAYS = (0, 0, 0, 1, 1, 1, 2, 4, 8, 16, 20, 20, 20, 20, 20, *(20,) * 35)
"""The seconds before each retry. https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""
_TIMEOUT_SECONDS = 15.0
_TOO_MANY, _FIRST_SERVER_ERROR, _FIRST_CLIENT_ERROR = 429, 500, 400
_log = logging.getLogger(__name__)


class HttpEndpoints:
    """Posts notifications on a pool of threads. Endpoints get no request to confirm their subscription."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(4, "topic")

    def deliver(self, notification: Notification, failed: Callable[[], None]) -> None:
        """Post a notification, with retries. After the last one, call `failed`."""
        self._region.scheduler.soon(lambda: self._attempt(notification, 0, failed), "delivery of a topic")

    def _attempt(self, notification: Notification, retries: int, failed: Callable[[], None]) -> None:
        endpoint, scheduler = notification.subscription.endpoint, self._region.scheduler

        def ended(answer: int | Exception) -> None:
            if isinstance(answer, int) and answer < _FIRST_CLIENT_ERROR:
                return
            _log.warning("%s: the delivery to %s failed: %s.", notification.subscription.arn, endpoint, answer)
            if _is_retriable(answer) and retries < len(_DELAYS):
                again = retries + 1
                scheduler.after(
                    _DELAYS[retries], lambda: self._attempt(notification, again, failed), f"retry of {endpoint}"
                )
            else:
                failed()

        with scheduler.hold(f"call of {endpoint}") as hold:

            def run() -> None:
                try:
                    answer = _post(notification)
                    scheduler.soon(lambda: ended(answer), f"response of {endpoint}")
                finally:
                    hold.release()

            self._threads.submit(run)
            hold.hand_over()


def _is_retriable(answer: int | Exception) -> bool:
    if isinstance(answer, int):
        return answer >= _FIRST_SERVER_ERROR or answer == _TOO_MANY
    return not isinstance(answer, NotLoopbackError)


def _post(notification: Notification) -> int | Exception:
    """Return the status of the response, or the error."""
    try:
        return send(_request(notification), _TIMEOUT_SECONDS).status
    except (OSError, http.client.HTTPException, NotLoopbackError) as error:
        return error


def _request(notification: Notification) -> HttpRequest:
    subscription = notification.subscription
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-id": notification.message_id,
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-subscription-arn": subscription.arn,
        "x-amz-sns-topic-arn": subscription.topic.arn,
        **({"x-amz-sns-rawdelivery": "true"} if notification.is_raw else {}),
    }
    return HttpRequest("POST", subscription.endpoint, headers, notification.text(indent=2).encode())
