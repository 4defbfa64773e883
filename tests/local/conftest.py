"""What the tests of the local cloud share."""

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

from carrier import Carrier, refusal_reason  # noqa: E402 - found by the line above

EVENTS = ROOT / "tests" / "events"


@pytest.fixture(scope="session")
def recorded():
    """A recorded envelope, by the name of its file."""
    return lambda name: json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def put(cloud, recorded):
    """Put a recorded event as it stands, with a hand-made entry; gives its correlation id."""

    def put(name, **changed):
        envelope = recorded(name)
        envelope["detail"]["data"] |= changed
        entry = {
            "Source": envelope["source"],
            "DetailType": envelope["detail-type"],
            "Detail": json.dumps(envelope["detail"]),
            "EventBusName": "shop",
        }
        answer = cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        return envelope["detail"]["metadata"]["correlation_id"]

    return put


@pytest.fixture
def carrier(cloud):
    """The carrier outside, which answers the requests of the shop."""
    with Carrier(cloud.client, refusal_reason) as carrier:
        yield carrier


@pytest.fixture
def stocked(cloud, put, carrier):
    """The shop with stock, and its carrier."""
    put("stock_delivered")
    cloud.settle()
    return cloud


@pytest.fixture
def function_named(cloud):
    """The physical name of the function of a folder below functions/."""
    return lambda name: _function_named(cloud, name)


def _function_named(cloud, name):
    for function in cloud.client("lambda").list_functions()["Functions"]:
        if function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME") == name:
            return function["FunctionName"]
    raise LookupError(name)


@pytest.fixture
def millrace(cloud, monkeypatch, capsys):
    """Run a command of `millrace` against the cloud; gives its exit status, and what it printed as JSON."""
    from millrace.cli import main

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)

    def run(*words):
        capsys.readouterr()
        status = main([*words, "--json"])
        return status, json.loads(capsys.readouterr().out or "null")

    return run


@pytest.fixture
def replace_handler(cloud, function_named):
    """Deploy another handler instead of one, as `source` code; contracts stay."""

    def replace(name, source):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in (ROOT / "functions" / "contracts").rglob("*.py"):
                archive.write(file, file.relative_to(ROOT))
            archive.writestr(f"functions/{name}/handler.py", source)
        cloud.client("lambda").update_function_code(FunctionName=function_named(name), ZipFile=packed.getvalue())

    return replace


@pytest.fixture
def table(cloud):
    """A deployed table, by the name that its construct has."""

    def find(name):
        names = cloud.client("dynamodb").list_tables()["TableNames"]
        return cloud.resource("dynamodb").Table(next(known for known in names if name.lower() in known.lower()))

    return find


@pytest.fixture
def messages(cloud):
    """The messages of the queue with all words in its name. They stay visible."""

    def read(*words):
        sqs = cloud.client("sqs")
        urls = sqs.list_queues().get("QueueUrls", [])
        found = [url for url in urls if all(word.lower() in url.lower() for word in words)]
        assert len(found) == 1, found
        attributes = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = sqs.receive_message(QueueUrl=found[0], MaxNumberOfMessages=10, VisibilityTimeout=0, **attributes)
        return answer.get("Messages", [])

    return read
