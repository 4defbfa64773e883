"""What follows from orders: stock, points, tiers, gifts, ratings, messages."""

import pytest

from functions.award_points.handler import handler as award_points
from functions.contracts.credit import CreditRated
from functions.contracts.loyalty import PointsAwarded, TierUpgraded
from functions.issue_gift.handler import handler as issue_gift
from functions.notify_by_mail.handler import handler as notify_by_mail
from functions.notify_by_mail.messages import message
from functions.notify_by_mail.provider import MailerDown
from functions.notify_by_post.handler import handler as notify_by_post
from functions.rate_credit.handler import handler as rate_credit
from functions.shelve_stock.handler import handler as shelve_stock
from functions.upgrade_tier.handler import handler as upgrade_tier
from millrace.events import Metadata

pytestmark = pytest.mark.usefixtures("marks")


def another(event):
    return event.stamped(Metadata.root(producer="test"))


def test_duplicate_delivery_is_counted_once(recorded_event, table):
    stock = table("sku")
    shelve_stock(recorded_event("stock_delivered"), stock)
    shelve_stock(recorded_event("stock_delivered"), stock)
    assert stock.scan()["Items"][0]["quantity"] == 50


def test_each_whole_euro_earns_a_point(recorded_event, table):
    assert award_points(recorded_event("order_completed"), table("customer_id")) == recorded_event("points_awarded")


def test_duplicate_order_earns_once(recorded_event, table):
    points = table("customer_id")
    award_points(recorded_event("order_completed"), points)
    assert award_points(recorded_event("order_completed"), points).total == 129


def test_points_of_orders_add_up(recorded_event, table):
    points = table("customer_id")
    award_points(recorded_event("order_completed"), points)
    assert award_points(another(recorded_event("order_completed")), points).total == 258


@pytest.mark.parametrize(
    ("points", "total", "tier"),
    [(99, 99, None), (100, 100, "silver"), (50, 149, "silver"), (50, 150, None), (900, 1000, "gold"), (1, 1001, None)],
)
def test_a_tier_follows_from_the_points_that_cross_its_threshold(points, total, tier):
    upgrade = upgrade_tier(PointsAwarded(customer_id="c", points=points, total=total))
    assert (upgrade.tier if upgrade else None) == tier


@pytest.mark.parametrize(("tier", "gift"), [("silver", "a tea towel"), ("gold", "a copper kettle")])
def test_each_tier_has_its_gift(tier, gift):
    assert issue_gift(TierUpgraded(customer_id="c", tier=tier)).gift == gift


def test_a_completed_order_raises_the_rating(recorded_event, table):
    assert rate_credit(recorded_event("order_completed"), table("customer_id")) == recorded_event("credit_rated")


def test_a_rejected_order_lowers_the_rating_once(recorded_event, table):
    ratings = table("customer_id")
    poor = CreditRated(customer_id="customer-7", score=-1, rating="poor")
    assert rate_credit(recorded_event("order_rejected"), ratings) == poor
    assert rate_credit(recorded_event("order_rejected"), ratings) == poor


def test_a_customer_is_notified_by_mail_how_an_order_ended(recorded_event):
    assert notify_by_mail(recorded_event("order_completed")) == recorded_event("customer_notified")
    assert message(recorded_event("order_rejected")).startswith(
        "We could not fulfil your order order-1002: over the card's"
    )


def test_unavailable_provider_differs_from_other_failures(recorded_event):
    with pytest.raises(MailerDown):
        notify_by_mail(recorded_event("order_completed").model_copy(update={"customer_id": "unreachable-8"}))


def test_every_customer_is_notified_by_post(recorded_event):
    assert notify_by_post(recorded_event("order_rejected")).by == "post"
