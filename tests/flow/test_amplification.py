"""What one event causes at most, and what it costs."""

import pytest

from millrace.cli import main
from millrace.events import Catalog
from millrace.flow.amplification import Assumed, UnendingFlow, caused_by, roots
from millrace.flow.checking import read_system
from millrace.flow.prices import PRICES, READ, dollars


@pytest.fixture(scope="session")
def system(assembly, pytestconfig):
    return read_system(assembly, Catalog.load("functions.contracts"), pytestconfig.rootpath)


def test_a_flow_is_followed_to_its_end(system):
    amounts = caused_by(system, "shop.fulfilment:OrderCompleted")
    assert (amounts["events"], amounts["deliveries"], amounts["invocations"]) == (5, 4, 4)
    assert "transitions" not in amounts


def test_of_a_saga_the_dearest_way_counts(system):
    states = [
        "reserve",
        "refused?",
        "charge",
        "refused?",
        "ship",
        "refused?",
        "refund",
        "release",
        "reject",
        "rejected",
    ]
    assert caused_by(system, "shop.orders:OrderPlaced")["transitions"] == len(states) + 1


def test_a_queue_sends_receives_and_deletes_each_message(system):
    assert caused_by(system, "shop.warehouse:StockDelivered")["queue requests"] == 3


def test_each_64_kb_count_as_another(system):
    assert caused_by(system, "shop.warehouse:StockDelivered", Assumed(event_bytes=65_537))["events"] == 2


def test_flows_begin_with_what_comes_from_outside(system):
    names = [node.name for node in roots(system)]
    assert "StockDelivered" in names
    assert "OrderCompleted" not in names


def test_a_flow_without_an_end_is_refused(system, monkeypatch):
    facts = system.graph["Shop/Loyalty/IssueGift"].resource.facts
    monkeypatch.setitem(facts["declaration"], "publishes", ["shop.loyalty:TierUpgraded"])
    with pytest.raises(UnendingFlow, match="The events go round: TierUpgraded → TierUpgraded"):
        caused_by(system, "shop.fulfilment:OrderCompleted")


def test_every_price_names_its_unit_and_the_page_of_aws_and_all_are_dated():
    assert all(price.dollars > 0 and price.unit for price in PRICES.values())
    assert all(price.page.startswith("https://aws.amazon.com/") for price in PRICES.values())
    assert READ.startswith("20")


def test_what_has_no_price_is_free():
    assert dollars({"deliveries": 7, "events": 1_000_000}) == pytest.approx(1)


def test_the_command_tells_amounts_and_dollars(assembly, capsys, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert main(["cost", "StockDelivered"]) == 0
    told = capsys.readouterr().out
    assert "One StockDelivered causes at most" in told
    assert "Not counted: retries" in told


def test_an_event_that_there_is_not_is_wrong_use(capsys):
    assert main(["cost", "StockLost"]) == 2
    assert "No event is called StockLost" in capsys.readouterr().err
