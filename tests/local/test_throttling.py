"""Orders under the account's quota of concurrent executions; `MILLRACE_ORDERS=200` for more of them."""

import os
from collections import Counter

from functions.contracts.orders import Address, Line, PlaceOrder
from functions.contracts.warehouse import StockDelivered

ORDERS = int(os.environ.get("MILLRACE_ORDERS", "40"))
QUOTA = max(2, ORDERS // 20)


def order(number):
    return PlaceOrder(
        order_id=f"order-{number}",
        customer_id=f"customer-{number}",
        lines=(Line(sku="kettle", quantity=1, unit_price_cents=100),),
        card="tok_4242",
        address=Address(name="Ada", street="Mühlenweg 3", city="Münster", country="DE"),
    )


def test_all_orders_at_once_complete_under_a_quota_for_a_twentieth_of_them(stocked):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    stocked.put(StockDelivered(sku="kettle", quantity=ORDERS), bus="shop")
    stocked.settle()
    stocked.limit_concurrency(QUOTA)
    placed = [stocked.put(order(number), bus="shop") for number in range(ORDERS)]
    stocked.settle(300)
    names = Counter(name for each in placed for name in stocked.trace(each.correlation_id).names())
    assert names["OrderCompleted"] == ORDERS
    assert (names["OrderRejected"], names["PointsAwarded"], names["CreditRated"]) == (0, ORDERS, ORDERS)
    assert not [each for each in stocked.region.history.since(0)[1] if each.kind == "dead-letter"]
