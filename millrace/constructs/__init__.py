"""Synth: what each noun becomes on AWS."""

from millrace.constructs.acknowledged import UnknownCheck, acknowledge
from millrace.constructs.api import Api, UnsoundApi
from millrace.constructs.authorizers import Authorizer, IamAuthorizer, JwtAuthorizer, OpenToAll
from millrace.constructs.breakers import UnfitBreaker
from millrace.constructs.bus import Bus
from millrace.constructs.bus_policy import ClosedBus
from millrace.constructs.changes import Changes, UnclearChange
from millrace.constructs.channels import Channel, direct, queue
from millrace.constructs.cycles import allow_cycle
from millrace.constructs.dashboard import Dashboard
from millrace.constructs.declared import NotDeclared, UnknownFunction
from millrace.constructs.event_store import EventStore
from millrace.constructs.failure import (
    Failure,
    UnfitFailure,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
)
from millrace.constructs.function import Settings
from millrace.constructs.mediator import Mediator
from millrace.constructs.ordered import NoOrder, ordered
from millrace.constructs.plan import UnsoundFlow
from millrace.constructs.processor import Processor
from millrace.constructs.projection import Projection
from millrace.constructs.saga import Saga, SagaStep
from millrace.constructs.stores import MissingTable
from millrace.constructs.subscribers import OutOfReach, OutsideBus, OutsideQueue, Subscriber, Webhook
from millrace.constructs.together import broadcast, fork

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
