"""Changes publishes an event when a field of a table changes."""

import pytest

from millrace.local.services.eventbridge import EventBridge


@pytest.fixture
def articles(flows):
    return flows.table("articles")


@pytest.fixture
def published(flows):
    """Return the events about an article, oldest first."""

    def published(key):
        archive = next(iter(flows.client("events").list_archives()["Archives"]))["ArchiveName"]
        kept = flows.cloud.on_loop(
            lambda: flows.cloud.region.service(EventBridge).archives.events(_archive(flows, archive))
        )
        envelopes = [each.envelope for each in kept if each.envelope["detail-type"] == "PriceChanged"]
        return [e["detail"] for e in envelopes if e["detail"]["data"]["key"] == key]

    return published


def _archive(flows, name):
    return flows.cloud.region.backends.events.archives[name]


def test_changed_field_is_published_with_old_and_new_value(flows, articles, published):
    articles.put_item(Item={"key": "kettle", "price_cents": 6450})
    articles.put_item(Item={"key": "kettle", "price_cents": 5900})
    flows.settle()
    (detail,) = published("kettle")
    assert detail["data"] == {"key": "kettle", "price_cents": 5900, "old_price_cents": 6450}
    assert detail["metadata"]["producer"] == "publish_price_changes"


def test_other_fields_and_new_or_deleted_items_publish_no_change(flows, articles, published):
    articles.put_item(Item={"key": "pot", "price_cents": 100})
    articles.put_item(Item={"key": "pot", "price_cents": 100, "colour": "blue"})
    articles.delete_item(Key={"key": "pot"})
    flows.settle()
    assert published("pot") == []


def test_changes_in_one_batch_are_published_once_each(flows, articles, published):
    for price in (1, 2, 3):
        articles.put_item(Item={"key": "mug", "price_cents": price})
    flows.settle()
    assert [detail["data"]["price_cents"] for detail in published("mug")] == [2, 3]
