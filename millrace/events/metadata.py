"""What travels with every event besides its own data."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from millrace.events.ids import effect_id, new_event_id

_STEP, _LATEST = " → ", 16


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


class Metadata(BaseModel):
    """Identity, cause and origin of one event.

    `event_id` stays the same through retries, redrives and replays; EventBridge's own `id` does not.
    `correlation_id` is shared by all events of one flow, `causation_id` is the `event_id` of the direct
    cause, and `hops` counts the causes back to the first event, which has 0. `idempotency_key` is the key under which
    the producer would say the same thing again, where the business has one. An event out of an event store names its
    `stream` there, and its place in that: `stream_version`, from 1. `path` names the producers of the causes, the
    latest 16.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str = Field(min_length=1)
    correlation_id: str = Field(min_length=1)
    causation_id: str | None = None
    occurred_at: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    producer: str
    version: int = Field(default=1, ge=1)
    hops: int = Field(default=0, ge=0)
    path: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    stream: str | None = None
    stream_version: int | None = Field(default=None, ge=1)

    @classmethod
    def root(cls, *, producer: str, version: int = 1, correlation_id: str | None = None) -> "Metadata":
        """The metadata of an event that nothing in the system caused. It starts its own flow."""
        event_id = new_event_id()
        return cls(
            event_id=event_id,
            correlation_id=correlation_id or event_id,
            occurred_at=datetime.now(UTC),
            producer=producer,
            version=version,
        )

    @property
    def way(self) -> list[str]:
        """The producers by which an event came, the latest last."""
        return [*(self.path.split(_STEP) if self.path else []), self.producer]

    @property
    def key(self) -> str:
        """What a consumer goes by to handle an event once: the business key, or the event's own id."""
        return self.idempotency_key or self.event_id

    def causes(
        self, *, producer: str, position: int, version: int = 1, traceparent: str | None = None, run: str = ""
    ) -> "Metadata":
        """The metadata of a new event whose direct cause is this one.

        The event in the same `position` of what a producer says in the same `run` has the same id, however often it
        is said; `run` tells apart those that have one cause and one producer.
        """
        return Metadata(
            event_id=effect_id(self.event_id, self.occurred_at, f"{producer}{run}", position),
            correlation_id=self.correlation_id,
            causation_id=self.event_id,
            occurred_at=datetime.now(UTC),
            producer=producer,
            version=version,
            hops=self.hops + 1,
            path=_STEP.join(self.way[-_LATEST:]),
            traceparent=traceparent or self.traceparent,
        )
