"""Fixtures of the flow tests: the assembly and the graph of the shop."""

import os
import sys
from pathlib import Path

import pytest
from handmade import assembly as write_assembly

from millrace.events import Catalog, Event
from millrace.flow import Assembly, read_graph
from millrace.flow.checking import findings, read_system

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


class Rung(Event, source="test.bell", external=True, terminal="it fades"):
    pass


@pytest.fixture
def found(tmp_path):
    """The findings in a stack, as (check, subject)."""

    def find(**stack):
        write_assembly(tmp_path, S=stack)
        return [(each.check, each.subject) for each in findings(read_system(tmp_path, [Rung], tmp_path))]

    return find
