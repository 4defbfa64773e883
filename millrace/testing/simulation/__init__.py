"""Simulation: a day of failures in a second.

@simulate(seeds=200)
def test_every_order_ends(simulation):
    order = simulation.put(PlaceOrder(...))
    simulation.settle()
    assert simulation.trace.count("OrderCompleted") == 1
"""

from millrace.local.simulation import NotDeterministicError
from millrace.testing.simulation import invariants
from millrace.testing.simulation.decorator import SimulationError, simulate
from millrace.testing.simulation.simulation import Simulation, SimulationTrace

__all__ = ["NotDeterministicError", "Simulation", "SimulationError", "SimulationTrace", "invariants", "simulate"]
