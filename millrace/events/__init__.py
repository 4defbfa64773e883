"""Events and their contracts. Imports no other package of Millrace, so it runs anywhere."""

from millrace.events.catalog import Catalog, DuplicateEventError, UnknownEventError
from millrace.events.contract import Contract, ContractError, UnknownVersionError
from millrace.events.envelope import Envelope, decode, encode, put_entry
from millrace.events.event import Event, Refusal
from millrace.events.ids import new_event_id
from millrace.events.metadata import Metadata
from millrace.events.sensitive import Sensitive

__all__ = [
    "Catalog",
    "Contract",
    "ContractError",
    "DuplicateEventError",
    "Envelope",
    "Event",
    "Metadata",
    "Refusal",
    "Sensitive",
    "UnknownEventError",
    "UnknownVersionError",
    "decode",
    "encode",
    "new_event_id",
    "put_entry",
]
