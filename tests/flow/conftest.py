"""Fixtures of the flow tests: the assembly and the graph of the shop."""

import os
import sys
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


@pytest.fixture
def synth_in_process(assembly, monkeypatch):
    """The environment in which this process can synthesise apps. The shop's assembly brings the shared layer."""
    # jsii reads PATH when aws_cdk is first imported
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    monkeypatch.setenv("CDK_VALIDATION", "false")
