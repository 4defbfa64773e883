"""Orders through the shop in simulation: under all faults, each ends once, and stock, payments and points add up."""

from millrace.testing.simulation import invariants, simulate

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


def order(**changed):
    from functions.contracts.orders import Address, Line, PlaceOrder

    address = Address(name="A", street="B", city="C", country="DE")
    lines = (Line(sku="cup", quantity=2, unit_price_cents=PRICE),)
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

    in_workers = traced(cloud)
    with simulation.cloud.running():
        in_simulation = traced(simulation.cloud)
    assert in_workers == in_simulation
