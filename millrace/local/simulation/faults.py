"""The faults of a run: chosen by its seed, or given to replay a run with fewer of them.

Each point at which a fault can occur has a name, with a count of the points of this name so far. What AWS promises is
kept: records of a FIFO queue or a stream are sent again only after a failure, and stay in order.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random

from millrace.local.core.faults import Fault as CallFault
from millrace.local.core.faults import Faults

DELAYS = (0.05, 1.0, 30.0, 600.0)
"""Seconds by which a delivery is late."""
PAUSES = (0.05, 1.0, 20.0)
"""Seconds that a handler waits before a call of AWS, so that others run meanwhile."""
INTENSITIES = (0.0, 0.01, 0.03, 0.1, 0.3)
"""A seed chooses the share of points with a fault among these; the first seeds find what happens without faults."""

AT_INVOCATION = ("rejected", "response_lost", "doubled")
AT_CALL = ("crash before", "crash after", "error", "response lost", "pause")
KINDS = (*AT_INVOCATION, "throttled", *AT_CALL, "conflict", "late", "small batch")


@dataclass(frozen=True)
class Fault:
    """A fault at a point of a run. `amount` is in seconds, or records, or an index, depending on the kind."""

    point: str
    kind: str
    amount: float = 0.0

    def __str__(self) -> str:
        amount = f" ({self.amount:g} s)" if self.kind in ("late", "pause") else ""
        return f"{self.kind}{amount} at {self.point}"


@dataclass
class SimulatedFaults(Faults):
    """Chooses faults by a seed, or replays those `given`. `injected` lists them in the order of the run."""

    seed: int
    given: Collection[Fault] | None = None
    observe: Callable[[Fault], object] = lambda _fault: None
    injected: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._source = Random(self.seed)  # noqa: S311 - reproducible
        self._counts: Counter[str] = Counter()
        self._planned = {fault.point: fault for fault in self.given or ()}
        self._rate = self._source.choice(INTENSITIES)
        self._kinds = {kind for kind in KINDS if self._source.random() < 1 / 2}
        self._failing: set[str] = set()
        self.active = True

    def stop(self) -> None:
        """Stop the injection of faults."""
        self.active = False

    def _choose(self, what: str, kinds: Sequence[str], amounts: Callable[[str], Sequence[float]]) -> Fault | None:
        if not self.active:
            return None
        self._counts[what] += 1
        point = f"{what} #{self._counts[what]}"
        fault = self._planned.get(point) if self.given is not None else self._drawn(point, kinds, amounts)
        if fault is None or fault.kind not in kinds:
            return None
        self.injected.append(fault)
        self.observe(fault)
        return fault

    def _drawn(self, point: str, kinds: Sequence[str], amounts: Callable[[str], Sequence[float]]) -> Fault | None:
        if self._source.random() >= self._rate:
            return None
        enabled = [kind for kind in kinds if kind in self._kinds]
        if not enabled:
            return None
        kind = self._source.choice(enabled)
        return Fault(point, kind, self._source.choice(amounts(kind)))

    def at_call(self, what: str, request_id: str) -> Fault | None:
        """Return the fault of a handler's call of AWS. Retries of a failed call fail as well."""
        if request_id in self._failing:
            return Fault(what, "error")
        fault = self._choose(f"call {what}", AT_CALL, lambda kind: PAUSES if kind == "pause" else (0.0,))
        if fault and fault.kind == "error" and request_id:
            self.fail_retries(request_id)
        return fault

    def fail_retries(self, request_id: str) -> None:
        """Make further attempts of a call fail."""
        self._failing.add(request_id)

    def delay(self, what: str) -> float:
        """Return the seconds by which an action is late."""
        if not what.startswith(_DELAYED) and _DELIVERY not in what:
            return 0.0
        starts = what.startswith(_START)  # Lambda starts an invocation within seconds, or throttles it
        fault = self._choose(what, ("late",), lambda _: DELAYS[:2] if starts else DELAYS)
        return fault.amount if fault else 0.0

    def doubles(self, what: str) -> bool:
        """Return whether something is delivered twice."""
        return self._choose(f"delivery {what}", ("doubled",), lambda _: (0.0,)) is not None

    # -- the faults that services know -------------------------------------------------------------------------------

    def draw(self, function: str, *, ordered: bool = False) -> CallFault | None:
        """Return the fault of the next call of a function."""
        kinds = AT_INVOCATION[:-1] if ordered else AT_INVOCATION
        fault = self._choose(f"invocation of {function}", kinds, lambda _: (0.0,))
        return fault.kind if fault else None  # type: ignore[return-value]

    def throttled(self, function: str) -> bool:
        """Return whether Lambda throttles the next call of a function."""
        return self._choose(f"concurrency of {function}", ("throttled",), lambda _: (0.0,)) is not None

    def batch_size(self, source: str, most: int) -> int:
        """Return the size of the next batch of a queue."""
        if most <= 1:
            return most
        fault = self._choose(f"batch of {source}", ("small batch",), lambda _: range(1, most))
        return int(fault.amount) if fault else most

    @property
    def conflicting(self) -> bool:
        """Whether requests to DynamoDB may conflict."""
        return self.active

    def draw_conflict(self, function: str, items: int) -> int | None:
        """Return the index of the conflicting item among a request's `items`; None if none conflicts."""
        fault = self._choose(f"transaction of {function}", ("conflict",), lambda _: range(items))
        return min(int(fault.amount), items - 1) if fault else None


_START = "start of"
_DELAYED = ("delivery", "invocation", _START)
_DELIVERY = " to "
"""In the names of deliveries of rules: an event to a target."""
