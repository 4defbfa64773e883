"""What the tests of the flow share: the graph of the shop."""

from pathlib import Path

import pytest

from millrace.events import Catalog
from millrace.flow import Assembly, read_graph

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shop(assembly):
    """The shop's assembly, as the graph reads it."""
    return Assembly(assembly)


@pytest.fixture(scope="session")
def graph(shop):
    """The graph of the shop."""
    return read_graph(shop, Catalog.load("functions.contracts"), ROOT)


@pytest.fixture(scope="session")
def named(graph):
    """The one node of a kind, by its name."""

    def find(kind, name):
        (node,) = [node for node in graph.of(kind) if node.name == name]
        return node

    return find
