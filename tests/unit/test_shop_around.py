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


def test_a_delivery_that_is_told_twice_is_shelved_once(heard, table):
    stock = table("sku")
    shelve_stock(heard("stock_delivered"), stock)
    shelve_stock(heard("stock_delivered"), stock)
    assert stock.scan()["Items"][0]["quantity"] == 50


def test_each_whole_euro_earns_a_point(heard, table):
    assert award_points(heard("order_completed"), table("customer_id")) == heard("points_awarded")


def test_an_order_that_is_told_twice_earns_once(heard, table):
    points = table("customer_id")
    award_points(heard("order_completed"), points)
    assert award_points(heard("order_completed"), points).total == 129


def test_points_of_orders_add_up(heard, table):
    points = table("customer_id")
    award_points(heard("order_completed"), points)
    assert award_points(another(heard("order_completed")), points).total == 258


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


def test_a_completed_order_raises_the_rating(heard, table):
    assert rate_credit(heard("order_completed"), table("customer_id")) == heard("credit_rated")


def test_a_rejected_order_lowers_the_rating_once(heard, table):
    ratings = table("customer_id")
    poor = CreditRated(customer_id="customer-7", score=-1, rating="poor")
    assert rate_credit(heard("order_rejected"), ratings) == poor
    assert rate_credit(heard("order_rejected"), ratings) == poor


def test_a_customer_is_told_by_mail_how_an_order_ended(heard):
    assert notify_by_mail(heard("order_completed")) == heard("customer_notified")
    assert message(heard("order_rejected")).startswith("We could not fulfil your order order-1002: over the card's")


def test_a_provider_that_is_away_is_told_from_any_other_failure(heard):
    with pytest.raises(MailerDown):
        notify_by_mail(heard("order_completed").model_copy(update={"customer_id": "unreachable-8"}))


def test_by_post_every_customer_is_told(heard):
    assert notify_by_post(heard("order_rejected")).by == "post"
