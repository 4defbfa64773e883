"""The graph of the shop: its nodes, and the resources of its edges."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.flow import Assembly, InvalidAssemblyError

ROOT = Path(__file__).parents[2]
BY_CONTRACT_ALONE = {"external:carrier.shipments", "external:shop.checkout", "external:shop.warehouse"}


def test_every_function_is_a_node_of_its_kind(graph, shop):
    kinds = {resource.facts["function"]: resource.facts["kind"] for resource in shop.of("Lambda::Function")}
    assert {node.name: node.kind for node in graph.functions} == kinds


def test_function_id_is_the_path_of_its_construct(named):
    assert named("processor", "award_points").id == "Shop/Loyalty/AwardPoints"
    assert named("step", "reserve_stock").id == "Shop/Fulfilment/Fulfilment/ReserveStock"
    assert named("mediator", "Fulfilment").id == "Shop/Fulfilment/Fulfilment"


def test_function_has_locations_of_handler_and_construct(named):
    handler, construct = named("processor", "award_points").locations
    assert (handler.file, construct.file) == ("functions/award_points/handler.py", "infra/loyalty.py")
    assert "def handler(order: OrderCompleted" in _line(handler)
    assert 'Processor(self, "AwardPoints"' in _line(construct)


def test_event_has_the_location_of_its_class(named):
    assert "class PointsAwarded(Event" in _line(named("event", "PointsAwarded").location)


def _line(location):
    return (ROOT / location.file).read_text().splitlines()[location.line - 1]


def test_edges_lead_from_a_producer_to_the_next_event(graph, named):
    at, passed = named("step", "complete_order").id, []
    for kind in ("publishes", "matches", "delivers", "feeds", "publishes"):
        at = next(edge.target for edge in graph.out(at, kind) if not re.search("Credit|View", edge.target))
        passed.append(graph[at].name)
    assert passed == ["OrderCompleted", "Rule", "Queue", "award_points", "PointsAwarded"]


def test_event_has_producers_and_consumers(graph):
    consumers = {node.name for node in graph.consumers("shop.fulfilment:OrderCompleted")}
    notified = {"notify_by_mail", "notify_by_post"}
    assert consumers - notified == {"award_points", "rate_credit", "view_customers", "view_orders"}
    assert [node.name for node in graph.producers("shop.fulfilment:OrderCompleted")] == ["complete_order"]


def test_producers_of_an_external_event_are_its_system_and_the_ingress(graph):
    producers = graph.producers("shop.warehouse:StockDelivered")
    assert {(node.kind, node.name) for node in producers} == {
        ("external", "shop.warehouse"),
        ("ingress", "api_ingress"),
    }


def test_steps_of_a_saga_follow_its_state_machine(graph, named):
    transitions = {(graph[e.target].name, e.kind, e.label) for e in graph.out(named("step", "charge_payment").id)}
    assert {
        ("arrange_shipping", "next", ""),
        ("release_stock", "next", "refused"),
        ("refund_payment", "caught", ""),
    } <= transitions


def test_callback_of_a_step_is_answered_by_the_ingress(graph, named):
    (edge,) = graph.into(named("step", "arrange_shipping").id, "answers")
    assert (graph[edge.source].kind, graph[edge.source].name) == ("answers", "api_answers")
    producers = {(node.kind, node.name) for node in graph.producers("carrier.shipments:ShipmentArranged")}
    assert producers == {("external", "carrier.shipments"), ("step", "arrange_shipping")}
    assert not [each for each in graph.edges if each.source == each.target]


def test_failures_lead_to_the_dead_letter_queue_of_their_construct(graph, named):
    queue = "Shop/Credit/RateCredit/DeadLetters"
    assert graph[queue].kind == "dead-letters"
    assert {edge.source for edge in graph.into(queue, "fails-to")} == {
        "Shop/Credit/RateCredit/Rule",
        "Shop/Credit/RateCredit",
    }


def test_failed_execution_leads_to_the_dead_letter_queue_of_its_mediator(graph):
    (kept,) = graph.out("Shop/Fulfilment/Fulfilment", "fails-to")
    assert (kept.target, graph[kept.target].kind) == ("Shop/Fulfilment/Fulfilment/DeadLetters", "dead-letters")


def test_every_edge_has_resources_of_the_template(graph, shop):
    for edge in graph.edges:
        assert edge.resources or edge.source in BY_CONTRACT_ALONE, edge
        assert all(resource in shop for resource in edge.resources), edge


def test_graph_is_json(graph):
    text = json.dumps(graph.as_json())
    assert json.loads(text)["nodes"][0]["kind"]


def test_folder_without_an_assembly_raises(tmp_path):
    with pytest.raises(InvalidAssemblyError, match="create one with millrace synth"):
        Assembly(tmp_path)


def test_graph_is_read_without_cdk_or_moto():
    script = "import sys, millrace.flow; print([m for m in ('aws_cdk', 'moto', 'boto3') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
