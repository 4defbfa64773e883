"""The metadata of an external event."""

from functions.contracts.warehouse import StockDelivered
from millrace.events import Metadata
from millrace.runtime.api.ingress import _as_root

GIVEN = {"causation_id": "c", "producer": "place_order", "hops": 40, "path": "a b"}
STREAM = {"stream": "order-1", "stream_version": 7}


def test_an_external_event_has_neither_a_cause_nor_a_stream():
    root = Metadata.root(producer="x")
    metadata = _as_root(StockDelivered(sku="s", quantity=1).stamped(root.model_copy(update=GIVEN | STREAM))).metadata
    assert (metadata.event_id, metadata.producer, metadata.hops) == (root.event_id, "shop.warehouse", 0)
    assert (metadata.causation_id, metadata.path, metadata.stream, metadata.stream_version) == (None, None, None, None)
