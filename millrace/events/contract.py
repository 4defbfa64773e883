"""The contract of an event class: its name, its version, and the upcasters from older versions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from millrace.events.sensitive import leaves, redacting, shown

Data = dict[str, Any]


class Absent:
    """The value of a field that the data does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()

Upcaster = Callable[[Data], Data]


class ContractError(ValueError):
    """The data of an event violates its contract. `problems` contains (field, value, reason)."""

    def __init__(self, event: str, problems: list[tuple[str, object, str]]) -> None:
        self.event = event
        self.problems = problems
        text = "; ".join(f"{event}.{_problem(*problem)}" for problem in problems)
        super().__init__(f"{text}. Send data that matches the contract of {event}.")

    @classmethod
    def of(cls, event: str, error: ValidationError, sensitive: frozenset[str] | None = frozenset()) -> "ContractError":
        """The problems that pydantic found, with event, field and value.

        The values of sensitive fields are masked. `sensitive=None` masks all values.
        """
        findings = error.errors(include_url=False)
        values = [
            ABSENT if found["type"] == "missing" else shown(sensitive, found["loc"], found["input"])
            for found in findings
        ]
        names = [".".join(map(str, found["loc"])) or "data" for found in findings]
        return cls(event, [(name, value, f["msg"]) for name, value, f in zip(names, values, findings, strict=True)])


def _problem(name: str, value: object, reason: str) -> str:
    return f"{name} is missing" if value is ABSENT else f"{name} = {value!r}: {reason}"


class UnknownVersionError(ValueError):
    """The code cannot read this version of an event."""


@dataclass(frozen=True)
class Contract:
    """The declaration of an event: its name on the bus, its version, and how it takes part in the flow.

    `external`: a system outside the app publishes it. `terminal`: the reason why nothing in the app consumes it.
    `order_by`: the field by which consumers need the events in order. `acknowledged`: accepted findings of
    `millrace check`, each with its reason.
    """

    source: str
    detail_type: str
    version: int = 1
    external: bool = False
    terminal: str | None = None
    order_by: str | None = None
    acknowledged: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    upcasters: dict[int, Upcaster] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """`source:detail-type`, as in the graph, in metadata and on the command line."""
        return f"{self.source}:{self.detail_type}"

    def upcast(self, data: Data, version: int) -> Data:
        """Convert data of an older version to this one, one version at a time."""
        if version > self.version:
            raise UnknownVersionError(
                f"{self.detail_type} has version {version}, but this code supports versions up to {self.version}: "
                f"deploy the consumers of a new version before its producer."
            )
        for step in range(version, self.version):
            if step not in self.upcasters:
                raise UnknownVersionError(
                    f"{self.detail_type} has version {version}, but no upcaster from version {step} exists: "
                    f"write one with @{self.detail_type}.upcaster(from_version={step})."
                )
            data = self._up(data, step)
        return data

    def _up(self, data: Data, version: int) -> Data:
        known = list(leaves(data))  # the sensitive fields of that version are unknown
        try:
            with redacting(lambda: known):
                return self.upcasters[version](data)
        except Exception as error:
            reason = f"its upcaster from version {version} raised {type(error).__name__}: {error}"
            raise ContractError(self.detail_type, [("data", "…", reason)]) from error
