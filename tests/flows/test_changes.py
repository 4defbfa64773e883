"""A field that gets another value is told of, by declaration; who writes the table knows nothing of it."""

import pytest


@pytest.fixture
def articles(flows):
    return flows.table("articles")


@pytest.fixture
def told(flows):
    """What has been told of an article, oldest first."""

    def told(key):
        archive = next(iter(flows.client("events").list_archives()["Archives"]))["ArchiveName"]
        kept = flows.cloud.on_plane(lambda: flows.cloud.plane.archives.events(_archive(flows, archive)))
        envelopes = [each.envelope for each in kept if each.envelope["detail-type"] == "PriceChanged"]
        return [e["detail"] for e in envelopes if e["detail"]["data"]["key"] == key]

    return told


def _archive(flows, name):
    return flows.cloud.plane.state.events.archives[name]


def test_a_field_that_has_another_value_than_before_is_told_with_both(flows, articles, told):
    articles.put_item(Item={"key": "kettle", "price_cents": 6450})
    articles.put_item(Item={"key": "kettle", "price_cents": 5900})
    flows.settle()
    (detail,) = told("kettle")
    assert detail["data"] == {"key": "kettle", "price_cents": 5900, "old_price_cents": 6450}
    assert detail["metadata"]["producer"] == "publish_price_changes"


def test_another_field_is_no_change_and_neither_is_an_item_that_comes_or_goes(flows, articles, told):
    articles.put_item(Item={"key": "pot", "price_cents": 100})
    articles.put_item(Item={"key": "pot", "price_cents": 100, "colour": "blue"})
    articles.delete_item(Key={"key": "pot"})
    flows.settle()
    assert told("pot") == []


def test_each_change_is_told_once_for_all_that_came_in_one_batch(flows, articles, told):
    for price in (1, 2, 3):
        articles.put_item(Item={"key": "mug", "price_cents": price})
    flows.settle()
    assert [detail["data"]["price_cents"] for detail in told("mug")] == [2, 3]
