"""CDK constructs of Millrace."""

from millrace.constructs.api.api import Api, ApiDefinitionError
from millrace.constructs.api.authorizers import Authorizer, IamAuthorizer, JwtAuthorizer, NoAuthorizer
from millrace.constructs.bus.bus import Bus, BusNameError
from millrace.constructs.bus.policy import BusAccessError
from millrace.constructs.bus.schedule import Schedule, ScheduleDefinitionError
from millrace.constructs.bus.subscribers import (
    ExternalBus,
    ExternalQueue,
    ExternalTopic,
    Subscriber,
    SubscriberUnreachableError,
    Webhook,
)
from millrace.constructs.channels.channel import Channel, ChannelLimitError, direct, queue
from millrace.constructs.channels.ordered import OrderingKeyError, ordered
from millrace.constructs.failure.circuit_breakers import BreakerConfigurationError
from millrace.constructs.failure.strategies import (
    Failure,
    FailureStrategyError,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
)
from millrace.constructs.function.handlers import FunctionNotFoundError, MissingDeclarationError
from millrace.constructs.function.processor import Processor
from millrace.constructs.function.project import StageNameError, staged
from millrace.constructs.function.settings import Settings, allow_cycle
from millrace.constructs.layers.batch_view import BatchView
from millrace.constructs.layers.speed_view import SpeedView
from millrace.constructs.observability.acknowledgements import UnknownCheckError, acknowledge
from millrace.constructs.observability.alarms import AlarmTopicError
from millrace.constructs.observability.dashboard import Dashboard
from millrace.constructs.signatures import show_signatures
from millrace.constructs.stores.changes import ChangeMappingError, Changes
from millrace.constructs.stores.event_store import EventStore
from millrace.constructs.stores.objects import ObjectEventError, ObjectEvents
from millrace.constructs.stores.projection import Projection
from millrace.constructs.stores.tables import MissingTableError
from millrace.constructs.stream.kafka import kafka
from millrace.constructs.stream.sources import StreamSource, StreamSourceError, kinesis
from millrace.constructs.stream.stream_processor import StreamProcessor
from millrace.constructs.stream.topic_rule import TopicRule
from millrace.constructs.workflow.callbacks import CallbackOrderError
from millrace.constructs.workflow.mediator import Mediator
from millrace.constructs.workflow.parallel import broadcast, fork
from millrace.constructs.workflow.saga import Saga, SagaStep
from millrace.constructs.workflow.steps import UnknownStepError
from millrace.constructs.workflow.validation import FlowError

__all__ = [
    "AlarmTopicError",
    "Api",
    "ApiDefinitionError",
    "Authorizer",
    "BatchView",
    "BreakerConfigurationError",
    "Bus",
    "BusAccessError",
    "BusNameError",
    "CallbackOrderError",
    "ChangeMappingError",
    "Changes",
    "Channel",
    "ChannelLimitError",
    "Dashboard",
    "EventStore",
    "ExternalBus",
    "ExternalQueue",
    "ExternalTopic",
    "Failure",
    "FailureStrategyError",
    "FlowError",
    "FunctionNotFoundError",
    "IamAuthorizer",
    "JwtAuthorizer",
    "Mediator",
    "MissingDeclarationError",
    "MissingTableError",
    "NoAuthorizer",
    "ObjectEventError",
    "ObjectEvents",
    "OrderingKeyError",
    "Processor",
    "Projection",
    "Saga",
    "SagaStep",
    "Schedule",
    "ScheduleDefinitionError",
    "Settings",
    "SpeedView",
    "StageNameError",
    "StreamProcessor",
    "StreamSource",
    "StreamSourceError",
    "Subscriber",
    "SubscriberUnreachableError",
    "TopicRule",
    "UnknownCheckError",
    "UnknownStepError",
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
    "kafka",
    "kinesis",
    "ordered",
    "queue",
    "staged",
]

show_signatures(globals()[name] for name in __all__)
