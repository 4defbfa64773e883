"""The steps of the saga, each called as the function that it is."""

import pytest

from functions.arrange_shipping.handler import handler as arrange_shipping
from functions.charge_payment.handler import handler as charge_payment
from functions.complete_order.handler import handler as complete_order
from functions.contracts.carrier import ShipmentArranged, ShipmentRefused
from functions.contracts.fulfilment import (
    OrderCompleted,
    OutOfStock,
    PaymentCharged,
    PaymentDeclined,
    PaymentRefunded,
    ShippingRequested,
    StockReleased,
    StockReserved,
)
from functions.contracts.orders import Line
from functions.refund_payment.handler import handler as refund_payment
from functions.reject_order.handler import handler as reject_order
from functions.release_stock.handler import handler as release_stock
from functions.reserve_stock.handler import handler as reserve_stock
from millrace.runtime import Callback


@pytest.fixture
def order(recorded_event):
    return recorded_event("order_placed")


@pytest.fixture
def stock(table):
    stock = table("sku")
    stock.put_item(Item={"sku": "kettle", "quantity": 5})
    return stock


@pytest.fixture
def payments(table):
    return table("order_id")


def left(stock, sku="kettle"):
    return stock.get_item(Key={"sku": sku})["Item"]["quantity"]


def with_lines(order, *lines):
    return order.model_copy(
        update={"lines": tuple(Line(sku=sku, quantity=many, unit_price_cents=1) for sku, many in lines)}
    )


def test_reserving_takes_the_goods_off_the_shelf(order, stock):
    assert reserve_stock(order, stock) == StockReserved(order_id=order.order_id)
    assert left(stock) == 3


def test_reserving_twice_takes_them_once(order, stock):
    reserve_stock(order, stock)
    assert reserve_stock(order, stock) == StockReserved(order_id=order.order_id)
    assert left(stock) == 3


def test_lines_of_one_article_count_together(order, stock):
    reserve_stock(with_lines(order, ("kettle", 2), ("kettle", 1)), stock)
    assert left(stock) == 2


def test_too_few_of_one_article_reserves_none_of_the_others(order, stock):
    refused = reserve_stock(with_lines(order, ("kettle", 2), ("lid", 1)), stock)
    assert isinstance(refused, OutOfStock)
    assert refused.sku == "lid"
    assert left(stock) == 5


def test_the_last_piece_is_sold_once(order, stock):
    assert isinstance(reserve_stock(with_lines(order, ("kettle", 5)), stock), StockReserved)
    other = order.model_copy(update={"order_id": "order-2"})
    assert isinstance(reserve_stock(with_lines(other, ("kettle", 1)), stock), OutOfStock)


def test_releasing_puts_the_goods_back_once(order, stock):
    reserved = reserve_stock(order, stock)
    assert release_stock(order, reserved, stock) == StockReleased(order_id=order.order_id)
    assert release_stock(order, reserved, stock) == StockReleased(order_id=order.order_id)
    assert left(stock) == 5


def test_a_reservation_that_nobody_told_of_is_released_too(order, stock):
    reserve_stock(order, stock)
    assert release_stock(order, None, stock) == StockReleased(order_id=order.order_id)


def test_releasing_what_was_never_reserved_says_nothing(order, stock):
    assert release_stock(order, None, stock) is None
    assert left(stock) == 5


def test_a_card_is_charged_the_total(order, payments):
    assert charge_payment(order, payments) == PaymentCharged(order_id=order.order_id, amount_cents=12_900)
    assert payments.scan()["Items"][0]["state"] == "charged"


def test_a_card_is_declined_over_its_limit(order, payments):
    dear = order.model_copy(update={"total_cents": 100_001})
    assert isinstance(charge_payment(dear, payments), PaymentDeclined)
    assert payments.scan()["Items"] == []


def test_charging_late_and_again_does_not_undo_a_refund(order, payments):
    charge_payment(order, payments)
    assert refund_payment(order, payments) == PaymentRefunded(order_id=order.order_id, amount_cents=12_900)
    charge_payment(order, payments)
    assert payments.scan()["Items"][0]["state"] == "refunded"


def test_refunding_what_was_never_charged_says_nothing(order, payments):
    assert refund_payment(order, payments) is None


def test_the_request_to_the_carrier_has_the_address_and_the_callback(order, recorded_event):
    request = recorded_event("shipping_requested")
    assert arrange_shipping(order, Callback(request.callback_id)) == request
    assert isinstance(request, ShippingRequested)


def test_completing_ends_the_reservation_and_sells_the_goods(order, stock, recorded_event):
    reserve_stock(order, stock)
    shipment = ShipmentArranged(order_id=order.order_id, carrier="x", tracking_id="MS-order-1001")
    assert complete_order(order, shipment, stock) == recorded_event("order_completed")
    assert stock.scan()["Items"] == [{"sku": "kettle", "quantity": 3}]


def test_a_rejection_gives_the_reason_of_the_refusal(recorded_event):
    rejected = reject_order(recorded_event("order_placed_declined"), recorded_event("payment_declined"))
    assert rejected == recorded_event("order_rejected")


def test_a_rejection_after_a_failure_gives_a_reason_of_ours(order):
    assert reject_order(order, None).reason == "we could not process the order"


def test_every_refusal_of_a_step_is_one_that_the_rejection_takes():
    taken = {event for given in reject_order.declaration.inputs for event in given.events}
    refusals = {OutOfStock, PaymentDeclined, ShipmentRefused}
    assert refusals <= taken
    assert OrderCompleted not in taken
