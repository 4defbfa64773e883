"""Orders through the shop in simulation: under all faults, each ends once, and stock, payments and points add up."""

import pytest

from millrace.testing.simulation import invariants, simulate
from millrace.testing.simulation.runs import Plan

CUPS, PRICE = 1_000, 250
CLOUDEVENTS = "application/cloudevents+json"
ENDS = ("OrderCompleted", "OrderRejected")


@simulate(seeds=3)
def test_an_order_ends_once_and_everything_adds_up(simulation):
    from functions.contracts.warehouse import StockDelivered

    simulation.on("ShippingRequested", lambda request: arrange(simulation, request))
    simulation.put(StockDelivered(sku="cup", quantity=CUPS))
    simulation.settle()
    simulation.put(order())
    simulation.settle()
    simulation.redrive()
    trace = simulation.trace
    ends = [name for name in ENDS for _ in range(trace.count(name))]
    assert len(ends) == 1, ends
    sold = 2 if ends == ["OrderCompleted"] else 0
    assert [(item["quantity"], item.get("reserved") or set()) for item in simulation.items("stock")] in (
        [(CUPS - sold, set())],
        [(CUPS - sold, {"o1"})],
    )
    charged = [item["amount_cents"] for item in simulation.items("payments") if item["state"] == "charged"]
    assert sum(charged) == sold * PRICE
    assert sum(item["balance"] for item in simulation.items("points")) == sold * PRICE // 100
    invariants.every_saga_ends(simulation)
    invariants.no_loop(simulation)
    invariants.nothing_twice(simulation, "OrderPlaced")
    invariants.nothing_lost(simulation, "OrderPlaced", by="view_orders")


def order(quantity=2, **changed):
    from functions.contracts.orders import Address, Line, PlaceOrder

    address = Address(name="A", street="B", city="C", country="DE")
    lines = (Line(sku="cup", quantity=quantity, unit_price_cents=PRICE),)
    fields = {"order_id": "o1", "customer_id": "c", "lines": lines, "card": "tok", "address": address}
    return PlaceOrder(**fields | changed)


def arrange(simulation, request):
    """Answer as the carrier, until the API has accepted the answer."""
    data = {"order_id": request["order_id"], "carrier": "M", "tracking_id": "MS"}
    event = {"specversion": "1.0", "id": "1", "source": "carrier.shipments", "type": "ShipmentArranged", "data": data}
    path = f"/callbacks/{request['callback_id']}"
    response = simulation.request("POST", path, event, content_type=CLOUDEVENTS)
    if response.status >= 500:
        simulation.cloud.scheduler.after(60, lambda: arrange(simulation, request), "the carrier's next attempt")


def shape(event):
    """An event and its processing, without ids and times."""
    works = [work for parent in event.works for work in (parent, *parent.steps)]
    done = [
        (work.name, work.status, [each.outcome for each in work.attempts], sorted(map(shape, work.published), key=str))
        for work in works
    ]
    return event.name, sorted(done, key=str)


def test_workers_and_simulation_give_the_same_trace_without_faults(cloud, simulation):
    from functions.contracts.warehouse import StockDelivered

    def traced(target):
        target.put(StockDelivered(sku="cup", quantity=CUPS), bus="shop")
        target.settle()
        flow = target.put(order(card="tok_declined"), bus="shop")
        target.settle()
        return [shape(root) for root in target.trace(flow.correlation_id).roots]

    def same(one):
        assert traced(one.cloud) == in_workers

    in_workers = traced(cloud)
    run = simulation.runner(same).run(Plan(0, ()))
    assert run.status == "passed", run.error


@simulate(seeds=1)
def test_an_order_of_more_than_the_stock_is_rejected(simulation):
    """Runs on each target."""
    rejected_order(simulation)


def rejected_order(simulation, order_id="o1"):
    from functions.contracts.warehouse import StockDelivered

    simulation.put(StockDelivered(sku="cup", quantity=CUPS))
    simulation.settle()
    stock = simulation.items("stock")
    simulation.put(order(order_id=order_id, quantity=CUPS * 3))
    simulation.settle()
    simulation.redrive()
    assert simulation.trace.count("OrderRejected") == 1
    assert simulation.items("stock") == stock
    invariants.nothing_twice(simulation, "OrderPlaced")


def test_a_scenario_passes_in_the_local_cloud_and_by_the_logs_of_deployed_functions(cloud, assembly):
    from millrace.operations.cloud import Cloud
    from millrace.testing.simulation.targets import DeployedScenario, LocalScenario

    rejected_order(LocalScenario(cloud, assembly))
    rejected_order(DeployedScenario(Cloud(cloud.endpoint_url), assembly, quiet=1), "o2")


def test_a_scenario_that_needs_faults_is_skipped_by_name_on_another_target(cloud, assembly):
    from millrace.testing.simulation.targets import LocalScenario

    with pytest.raises(pytest.skip.Exception, match=r"simulation\.serve is for simulations: the local cloud has no"):
        LocalScenario(cloud, assembly).serve(lambda _: 200)
