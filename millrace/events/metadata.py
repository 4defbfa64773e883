"""The metadata of events."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from millrace.events.ids import effect_id, new_event_id

_STEP, _LATEST = " → ", 16


def in_utc(moment: datetime) -> datetime:
    """Convert a time to UTC. Raises ValueError if it is before the year 1 or after the year 9999 there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("should be in the years 1 to 9999 in UTC") from error


class Metadata(BaseModel):
    """Identity, cause and origin of one event.

    `event_id` stays the same through retries, redrives and replays; EventBridge's own `id` does not. All events of one
    flow share the `correlation_id`. `causation_id` is the `event_id` of the direct cause. `hops` is the number of
    causes back to the first event, which has 0. `idempotency_key` is the producer's business key for the event, if it
    has one. An event from an event store has its `stream` and its position there, `stream_version`, starting at 1.
    `path` names the producers of the latest 16 causes.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str = Field(min_length=1)
    correlation_id: str = Field(min_length=1)
    causation_id: str | None = None
    occurred_at: Annotated[AwareDatetime, AfterValidator(in_utc)]
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
        """The metadata of an event without a cause, which starts a flow."""
        event_id = new_event_id()
        return cls(
            event_id=event_id,
            correlation_id=correlation_id or event_id,
            occurred_at=datetime.now(UTC),
            producer=producer,
            version=version,
        )

    @property
    def producers(self) -> list[str]:
        """The producers of the causes and of the event itself, the latest last."""
        return [*(self.path.split(_STEP) if self.path else []), self.producer]

    @property
    def key(self) -> str:
        """The key by which consumers handle an event once: the business key, or the event id."""
        return self.idempotency_key or self.event_id

    def causes(
        self, *, producer: str, position: int, version: int = 1, traceparent: str | None = None, run: str = ""
    ) -> "Metadata":
        """The metadata of a new event whose direct cause is this one.

        The event id is derived from cause, producer, `run` and `position`, so that a retry publishes the same id. `run`
        distinguishes several runs of one producer for one cause.
        """
        return Metadata(
            event_id=effect_id(self.event_id, self.occurred_at, f"{producer}{run}", position),
            correlation_id=self.correlation_id,
            causation_id=self.event_id,
            occurred_at=datetime.now(UTC),
            producer=producer,
            version=version,
            hops=self.hops + 1,
            path=_STEP.join(self.producers[-_LATEST:]),
            traceparent=traceparent or self.traceparent,
        )
