"""Synth: what each noun becomes on AWS."""

from millrace.constructs.api.api import Api, UnsoundApi
from millrace.constructs.api.authorizers import Authorizer, IamAuthorizer, JwtAuthorizer, OpenToAll
from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.policy import ClosedBus
from millrace.constructs.bus.subscribers import OutOfReach, OutsideBus, OutsideQueue, Subscriber, Webhook
from millrace.constructs.channels.channels import Channel, direct, queue
from millrace.constructs.channels.ordered import NoOrder, ordered
from millrace.constructs.failure.circuit_breakers import UnfitBreaker
from millrace.constructs.failure.strategies import (
    Failure,
    UnfitFailure,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
)
from millrace.constructs.function.cycles import allow_cycle
from millrace.constructs.function.declared import NotDeclared, UnknownFunction
from millrace.constructs.function.function import Settings
from millrace.constructs.function.processor import Processor
from millrace.constructs.observability.acknowledgements import UnknownCheck, acknowledge
from millrace.constructs.observability.dashboard import Dashboard
from millrace.constructs.stores.changes import Changes, UnclearChange
from millrace.constructs.stores.event_store import EventStore
from millrace.constructs.stores.projection import Projection
from millrace.constructs.stores.tables import MissingTable
from millrace.constructs.workflow.mediator import Mediator
from millrace.constructs.workflow.parallel import broadcast, fork
from millrace.constructs.workflow.plan import UnsoundFlow
from millrace.constructs.workflow.saga import Saga, SagaStep

__all__ = [
    "Api",
    "Authorizer",
    "Bus",
    "Changes",
    "Channel",
    "ClosedBus",
    "Dashboard",
    "EventStore",
    "Failure",
    "IamAuthorizer",
    "JwtAuthorizer",
    "Mediator",
    "MissingTable",
    "NoOrder",
    "NotDeclared",
    "OpenToAll",
    "OutOfReach",
    "OutsideBus",
    "OutsideQueue",
    "Processor",
    "Projection",
    "Saga",
    "SagaStep",
    "Settings",
    "Subscriber",
    "UnclearChange",
    "UnfitBreaker",
    "UnfitFailure",
    "UnknownCheck",
    "UnknownFunction",
    "UnsoundApi",
    "UnsoundFlow",
    "Webhook",
    "acknowledge",
    "allow_cycle",
    "broadcast",
    "direct",
    "fail_back",
    "fail_fast",
    "fail_over",
    "fail_safe",
    "fail_silent",
    "fork",
    "ordered",
    "queue",
]
