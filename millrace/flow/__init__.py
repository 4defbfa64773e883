"""The flow of events, read from the contracts and the synthesised templates: graph, checks, costs and map."""

from millrace.flow.assembly import Assembly, InvalidAssemblyError, Resource, SourceLocation
from millrace.flow.graph import Edge, Graph, Node
from millrace.flow.reader import name_of, read_graph

__all__ = [
    "Assembly",
    "Edge",
    "Graph",
    "InvalidAssemblyError",
    "Node",
    "Resource",
    "SourceLocation",
    "name_of",
    "read_graph",
]
