"""What the open door takes from an event of an outsider."""

from functions.contracts.warehouse import StockDelivered
from millrace.events import Metadata
from millrace.runtime.api.ingress import _as_root

SAID = {"causation_id": "c", "producer": "place_order", "hops": 40, "path": "a b"}
STREAM = {"stream": "order-1", "stream_version": 7}


def test_an_outsider_claims_no_cause_and_no_place_in_a_stream():
    root = Metadata.root(producer="x")
    told = _as_root(StockDelivered(sku="s", quantity=1).stamped(root.model_copy(update=SAID | STREAM))).metadata
    assert (told.event_id, told.producer, told.hops) == (root.event_id, "shop.warehouse", 0)
    assert (told.causation_id, told.path, told.stream, told.stream_version) == (None, None, None, None)
