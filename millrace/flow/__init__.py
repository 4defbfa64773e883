"""The flow of events, read from contracts and templates: what there is, and what is wrong with it."""

from millrace.flow.assembly import Assembly, InvalidAssemblyError, Place, Resource
from millrace.flow.graph import Edge, Graph, Node
from millrace.flow.reader import name_of, read_graph

__all__ = ["Assembly", "Edge", "Graph", "InvalidAssemblyError", "Node", "Place", "Resource", "name_of", "read_graph"]
