"""Fixtures of the flow tests: the assembly and the graph of the shop."""

from pathlib import Path

import pytest

from millrace.events import Catalog
from millrace.flow import Assembly, read_graph

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shop(assembly):
    """The assembly of the shop."""
    return Assembly(assembly)


@pytest.fixture(scope="session")
def graph(shop):
    """The graph of the shop."""
    return read_graph(shop, Catalog.load("functions.contracts"), ROOT)


@pytest.fixture(scope="session")
def named(graph):
    """A function that returns the only node of a kind with a name."""

    def find(kind, name):
        (node,) = [node for node in graph.of(kind) if node.name == name]
        return node

    return find
