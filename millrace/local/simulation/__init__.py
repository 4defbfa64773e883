"""A local cloud in one thread of control: handlers in this process, virtual time, and entropy from a seed."""

from millrace.local.simulation.clients import Needed
from millrace.local.simulation.cloud import SimulatedCloud
from millrace.local.simulation.faults import Fault, SimulatedFaults
from millrace.local.simulation.story import Story
from millrace.local.simulation.tasks import NotDeterministicError
from millrace.local.simulation.time_and_entropy import START

__all__ = ["START", "Fault", "Needed", "NotDeterministicError", "SimulatedCloud", "SimulatedFaults", "Story"]
