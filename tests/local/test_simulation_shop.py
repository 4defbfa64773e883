"""Orders through the shop in simulation."""

from millrace.testing.simulation import simulate


@simulate(seeds=3)
def test_every_order_ends_once(simulation):
    from functions.contracts.orders import Address, Line, PlaceOrder
    from functions.contracts.warehouse import StockDelivered

    simulation.put(StockDelivered(sku="cup", quantity=10))
    simulation.settle()
    address = Address(name="A", street="B", city="C", country="DE")
    lines = (Line(sku="cup", quantity=2, unit_price_cents=250),)
    simulation.put(PlaceOrder(order_id="o1", customer_id="c", lines=lines, card="tok", address=address))
    simulation.on("ShippingRequested", lambda request: arrange(simulation, request))
    simulation.settle()
    simulation.redrive()
    assert simulation.trace.count("OrderCompleted") == 1
    assert [item["balance"] for item in simulation.items("points")] == [5]


def arrange(simulation, request):
    data = {"order_id": request["order_id"], "carrier": "M", "tracking_id": "MS"}
    event = {"specversion": "1.0", "id": "1", "source": "carrier.shipments", "type": "ShipmentArranged", "data": data}
    response = simulation.request(
        "POST", f"/callbacks/{request['callback_id']}", event, content_type="application/cloudevents+json"
    )
    assert response.status < 300, response
