"""The flow of events, read from contracts and templates: what there is, and what is wrong with it."""

from millrace.flow.assembly import Assembly, Place, Resource, UnreadableAssembly
from millrace.flow.graph import Edge, Graph, Node
from millrace.flow.reader import name_of, read_graph

__all__ = ["Assembly", "Edge", "Graph", "Node", "Place", "Resource", "UnreadableAssembly", "name_of", "read_graph"]
