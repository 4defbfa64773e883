"""The shop, deployed once for a module. Each test has its own flows, and the shop is restored after it."""

import json

import pytest

from millrace.events import Metadata
from millrace.local.services.dynamodb import index_partitions
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.stepfunctions import StepFunctions


@pytest.fixture(scope="module")
def cloud(empty_cloud, assembly):
    """A local cloud with the project's stacks."""
    empty_cloud.deploy(assembly)
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture(scope="module")
def put(cloud, recorded):
    """Put a recorded event with new ids of event and order. Return its correlation id."""

    def put(name, **changed):
        envelope, own = recorded(name), Metadata.root(producer="test")
        detail, order = envelope["detail"], {"order_id": f"order-{own.event_id}"}
        detail["data"] |= (order if "order_id" in detail["data"] else {}) | changed
        detail["metadata"] |= own.model_dump(mode="json", exclude_none=True)
        detail["metadata"] |= {"stream": order["order_id"]} if "stream" in detail["metadata"] else {}
        entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "Detail": json.dumps(detail)}
        answer = cloud.client("events").put_events(Entries=[{**entry, "EventBusName": "shop"}])
        assert answer["FailedEntryCount"] == 0
        return own.correlation_id

    return put


@pytest.fixture(autouse=True)
def restored(cloud):
    """Deploy the previous code and settings after a test, remove its mocks, and clear failures and dead letters."""
    lambda_, sqs = cloud.client("lambda"), cloud.client("sqs")
    before = {name: (function.code_bytes, _settings(function)) for name, function in _functions(cloud).items()}
    yield
    for name, function in ((name, each) for name, each in _functions(cloud).items() if name in before):
        code, settings = before[name]
        if function.code_bytes != code:
            lambda_.update_function_code(FunctionName=name, ZipFile=code)
        if _settings(function) != settings:
            lambda_.update_function_configuration(FunctionName=name, **settings)
    cloud.settle()
    machines = cloud.region.service(StepFunctions)
    cloud.on_loop(machines.executions.reset)
    cloud.on_loop(machines._api._mocked.mocks.clear)
    for url in sqs.list_queues(QueueNamePrefix="Shop-")["QueueUrls"]:
        if "DeadLetters" in url:
            _empty(sqs, url)


@pytest.fixture(autouse=True)
def emptied(cloud, restored):
    """Delete all items, archived events, deduplication ids and traces after a test, so that tests can share ids."""
    yield
    cloud.settle()
    cloud.on_loop(lambda: _delete_data(cloud.region))


def _delete_data(region):
    for table in region.backends.dynamodb.tables.values():
        table.items.clear()
    index_partitions.clear()
    for name, queue in region.backends.sqs.queues.items():
        queue.last_purged_at = None  # PurgeQueue is allowed once a minute
        region.backends.sqs.purge_queue(name)
    region.service(EventBridge).archives.reset()
    region.history.reset()


def _empty(sqs, url):
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _settings(function):
    environment = {"Variables": dict(function.environment_vars)}
    return {"Handler": function.handler, "Timeout": function.timeout, "Environment": environment}


def _functions(cloud):
    found = cloud.client("lambda").list_functions()["Functions"]
    return {each["FunctionName"]: cloud.region.backends.lambda_.get_function(each["FunctionName"]) for each in found}
