"""The cache of Lambda authorizers, of HTTP APIs and of REST APIs."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Key = tuple[str, str, str, tuple[str, ...]]
"""An API, a stage, an authorizer, and the values of the identity sources."""


class AuthorizerCache:
    """Keeps what the functions of authorizers returned, each answer until a time in seconds since 1970."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._answers: dict[Key, tuple[dict[str, Any], float]] = {}

    def reset(self, api: str, stage: str) -> None:
        """Drop the answers of a stage, or all if `api` is empty."""
        self._answers = {key: known for key, known in self._answers.items() if api and key[:2] != (api, stage)}

    async def get(self, key: Key, seconds: int, call: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Return the cached answer, or that of `call`, which is kept for so many seconds."""
        found, now = self._answers.get(key), self._region.clock.now()
        if found is None or found[1] <= now or not seconds:
            found = self._answers[key] = (await call(), now + seconds)
        return found[0]
