"""A partner's stack, deployed after the shop: it subscribes to events and publishes with curl."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bus_fixtures import server  # noqa: F401 fixtures
from shared_shop import cloud, emptied, restored  # noqa: F401 fixtures

from millrace.local.cloudformation.synthesis import fingerprint, synthesise

ROOT = Path(__file__).parents[2]
DELIVERED = {"sku": "kettle", "quantity": 50}
WEBHOOK = "http://127.0.0.1:9/orders"
EVENT = {"specversion": "1.0", "source": "shop.warehouse", "type": "StockDelivered", "data": DELIVERED}


@pytest.fixture(scope="module", autouse=True)
def alone(cloud):
    """Leave no stack of the partner to other modules."""
    yield
    cloud.reset()


@pytest.fixture(scope="session")
def synthesise_partner(assembly):
    """Synthesise the partner's app with the layers of the shop, which has the same requirements."""

    def synthesise_partner(**context):
        project = ROOT / "examples" / "partner"
        layers = project / ".millrace" / "layers"
        layers.parent.mkdir(exist_ok=True)
        if not layers.exists():
            layers.symlink_to(ROOT / ".millrace" / "layers")
        out = project / ".millrace" / ("cdk.webhook.out" if context else "cdk.out")
        synthesise(project, out, context)
        return out

    return synthesise_partner


@pytest.fixture
def curl(cloud):
    """Call the shop's API with curl's own signing; return the status and the parsed response."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    url = cloud._deployer.deployment.stacks["Shop"].outputs["Endpoint"]
    host = url.removeprefix("http://")

    def curl(path, body=None, kind="application/cloudevents+json", user="test:test"):
        options = ["--silent", "--write-out", "\n%{http_code}", "--resolve", f"{host}:127.0.0.1"]
        sign = ["--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", user]
        data = ["--header", f"Content-Type: {kind}", "--data", json.dumps(body)] if body else []
        text = subprocess.run(
            ["curl", *options, *sign, *data, f"{url}{path}"], capture_output=True, text=True, check=True
        ).stdout
        response, _, status = text.rpartition("\n")
        return int(status), json.loads(response)

    return curl


def test_partner_subscribes_without_a_change_of_the_shop(stocked, assembly, synthesise_partner, put, table):
    before = (assembly / "Shop.template.json").read_bytes()
    changes = []
    stocked.deploy(synthesise_partner(), changes.append)
    stocked.deploy(assembly, changes.append)
    put("place_order")
    stocked.settle()
    assert {change.stack for change in changes} == {"Supplier"}
    assert (assembly / "Shop.template.json").read_bytes() == before
    assert table("sales").scan()["Items"][0]["orders"] == {"order-1001"}


def test_template_of_the_shop_does_not_depend_on_the_partner():
    assert not any("examples" in name for name in fingerprint(ROOT))


def test_partner_publishes_with_plain_curl(cloud, curl, table):
    first = curl("/events", {**EVENT, "id": "d-1"})
    again = curl("/events", {**EVENT, "id": "d-1"})
    cloud.settle()
    assert (first[0], again) == (202, first)
    assert table("stock").get_item(Key={"sku": "kettle"})["Item"]["quantity"] == 50


def test_event_that_a_partner_may_not_publish_never_reaches_the_bus(cloud, curl):
    internal = {**EVENT, "id": "d-2", "source": "shop.orders", "type": "OrderPlaced"}
    status, problem = curl("/events", internal)
    assert (status, "does not accept 'OrderPlaced' from 'shop.orders'" in problem["detail"]) == (403, True)
    assert curl("/events", EVENT, user="test:wrong") == (403, {"message": "Forbidden"})
    assert cloud.region.history.flows() == []


def test_webhook_receives_a_cloudevent_and_the_key_of_its_secret(stocked, put, server, synthesise_partner):
    site, out = server({"/orders": [(200, {})]}), synthesise_partner(webhook=WEBHOOK)
    template = out / "Supplier.template.json"
    template.write_text(re.sub(r"http://127\.0\.0\.1:\d+", site.url, template.read_text()))  # a synth costs seconds
    stack = stocked.deploy(out).stacks["Supplier"]
    put("place_order")
    stocked.settle()
    (call,) = site.requests
    (secret,) = (each for each in stack.resources.values() if each.type == "AWS::SecretsManager::Secret")
    key = stocked.client("secretsmanager").get_secret_value(SecretId=secret.physical_id)["SecretString"]
    assert (call.headers["ce-type"], call.headers["ce-source"]) == ("OrderCompleted", "shop.fulfilment")
    assert json.loads(call.body)["order_id"] == "order-1001"
    assert call.headers["X-Api-Key"] == key


def test_order_is_placed_by_command_and_queried(stocked, curl, recorded):
    order = recorded("place_order")["detail"]["data"]
    status, accepted = curl("/commands/PlaceOrder", order, kind="application/json")
    placed = curl(f"{accepted['result_path']}?after=1")[1]
    stocked.settle()
    assert (status, placed["version"] >= 1, curl(accepted["result_path"])[1]["status"]) == (202, True, "completed")
    assert "OrderCompleted" in stocked.trace(accepted["correlation_id"]).names()
    assert curl("/customers/customer-7/points") == (200, {"customer_id": "customer-7", "balance": 129})
