"""`millrace put` and `cloud.put` publish to buses that exist."""

import pytest
from shared_shop import cloud, restored  # noqa: F401 fixtures

from functions.contracts.warehouse import StockDelivered
from millrace.cli import main

DATA = '{"sku": "sku-1", "quantity": 2}'


def test_put_to_a_bus_that_does_not_exist_is_wrong_usage(cloud, millrace, capsys):
    assert main(["put", "StockDelivered", "--data", DATA, "--bus", "shp"]) == 2
    assert "has no bus 'shp'. Its buses are: default, shop. Choose one with --bus." in capsys.readouterr().err


def test_a_test_cannot_put_onto_a_bus_that_does_not_exist(cloud):
    with pytest.raises(LookupError, match=r"No bus is called 'shp'\. The buses are: default, shop"):
        cloud.put(StockDelivered(sku="sku-1", quantity=2), bus="shp")
