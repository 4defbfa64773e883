"""The graph of the shop: what stands in it, and that each arrow stands in the template."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.flow import Assembly, InvalidAssemblyError

ROOT = Path(__file__).parents[2]
BY_CONTRACT_ALONE = {"external:carrier.shipments", "external:shop.checkout", "external:shop.warehouse"}


def test_every_function_of_the_template_is_a_node_of_its_kind(graph, shop):
    kinds = {resource.facts["function"]: resource.facts["kind"] for resource in shop.of("Lambda::Function")}
    assert {node.name: node.kind for node in graph.functions} == kinds


def test_a_function_is_known_by_the_path_of_its_construct(named):
    assert named("processor", "award_points").id == "Shop/Loyalty/AwardPoints"
    assert named("step", "reserve_stock").id == "Shop/Fulfilment/Fulfilment/ReserveStock"
    assert named("mediator", "Fulfilment").id == "Shop/Fulfilment/Fulfilment"


def test_a_function_is_led_to_where_it_is_written_and_where_it_is_made(named):
    written, made = named("processor", "award_points").places
    assert (written.file, made.file) == ("functions/award_points/handler.py", "infra/loyalty.py")
    assert "def handler(order: OrderCompleted" in _line(written)
    assert 'Processor(self, "AwardPoints"' in _line(made)


def test_an_event_is_led_to_its_class(named):
    assert "class PointsAwarded(Event" in _line(named("event", "PointsAwarded").place)


def _line(place):
    return (ROOT / place.file).read_text().splitlines()[place.line - 1]


def test_an_event_is_followed_from_its_producer_to_the_next(graph, named):
    at, passed = named("step", "complete_order").id, []
    for kind in ("publishes", "matches", "delivers", "feeds", "publishes"):
        at = next(edge.target for edge in graph.out(at, kind) if not re.search("Credit|View", edge.target))
        passed.append(graph[at].name)
    assert passed == ["OrderCompleted", "Rule", "Queue", "award_points", "PointsAwarded"]


def test_producers_and_consumers_of_an_event_are_known(graph):
    consumers = {node.name for node in graph.consumers("shop.fulfilment:OrderCompleted")}
    notified = {"notify_by_mail", "notify_by_post"}
    assert consumers - notified == {"award_points", "rate_credit", "view_customers", "view_orders"}
    assert [node.name for node in graph.producers("shop.fulfilment:OrderCompleted")] == ["complete_order"]


def test_an_event_from_outside_has_a_system_outside_and_the_door_as_its_producers(graph):
    producers = graph.producers("shop.warehouse:StockDelivered")
    assert {(node.kind, node.name) for node in producers} == {("external", "shop.warehouse"), ("door", "api_door")}


def test_the_steps_of_a_saga_follow_its_state_machine(graph, named):
    ways = {(graph[e.target].name, e.kind, e.label) for e in graph.out(named("step", "charge_payment").id)}
    assert {
        ("arrange_shipping", "next", ""),
        ("release_stock", "next", "refused"),
        ("refund_payment", "caught", ""),
    } <= ways


def test_a_step_that_waits_is_answered_by_the_door_and_follows_itself_nowhere(graph, named):
    (edge,) = graph.into(named("step", "arrange_shipping").id, "answers")
    assert (graph[edge.source].kind, graph[edge.source].name) == ("answers", "api_answers")
    producers = {(node.kind, node.name) for node in graph.producers("carrier.shipments:ShipmentArranged")}
    assert producers == {("external", "carrier.shipments"), ("step", "arrange_shipping")}
    assert not [each for each in graph.edges if each.source == each.target]


def test_failures_lead_to_the_dead_letter_queue_of_their_construct(graph, named):
    letters = "Shop/Credit/RateCredit/DeadLetters"
    assert graph[letters].kind == "dead-letters"
    assert {edge.source for edge in graph.into(letters, "fails-to")} == {
        "Shop/Credit/RateCredit/Rule",
        "Shop/Credit/RateCredit",
    }


def test_a_failed_execution_leads_to_the_dead_letter_queue_of_its_mediator(graph):
    (kept,) = graph.out("Shop/Fulfilment/Fulfilment", "fails-to")
    assert (kept.target, graph[kept.target].kind) == ("Shop/Fulfilment/Fulfilment/DeadLetters", "dead-letters")


def test_every_arrow_stands_in_the_template(graph, shop):
    for edge in graph.edges:
        assert edge.resources or edge.source in BY_CONTRACT_ALONE, edge
        assert all(resource in shop for resource in edge.resources), edge


def test_the_graph_is_the_same_each_time_and_fits_into_json(graph):
    text = json.dumps(graph.as_json())
    assert json.loads(text)["nodes"][0]["kind"]


def test_a_folder_without_an_assembly_says_how_to_make_one(tmp_path):
    with pytest.raises(InvalidAssemblyError, match="write one with millrace synth"):
        Assembly(tmp_path)


def test_the_graph_is_read_without_cdk_or_moto():
    script = "import sys, millrace.flow; print([m for m in ('aws_cdk', 'moto', 'boto3') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
