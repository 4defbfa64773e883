"""What the unit tests share: the project on the path, recorded events, and tables of moto's DynamoDB."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
sys.path.insert(0, str(ROOT))


@pytest.fixture
def recorded():
    """The envelope in a file of tests/events."""
    return lambda name: json.loads((EVENTS / f"{name}.json").read_text())


@pytest.fixture
def recorded_event(recorded):
    """The event in a file of tests/events, with its metadata."""
    from millrace.events import Catalog

    return lambda name: Catalog.load("functions.contracts").decode(recorded(name))


class Memory:
    """The idempotency records of a function, in memory."""

    def __init__(self):
        self.results = {}
        self.fingerprints = {}

    def begin(self, key, milliseconds, fingerprint=""):
        from millrace.runtime import InProgressError
        from millrace.runtime.fingerprints import matches
        from millrace.runtime.records import PayloadMismatchError

        if key not in self.results:
            self.results[key] = None
            self.fingerprints[key] = fingerprint
            return None
        if not matches(fingerprint, self.fingerprints.get(key, "")):
            raise PayloadMismatchError(str(key), self.fingerprints[key])
        if self.results[key] is None:
            raise InProgressError(key)
        return self.results[key]

    def save(self, keys, result):
        from millrace.runtime.records import Result

        self.results |= dict.fromkeys(keys, Result([], published=True)) | {keys[0]: result}

    def release(self, key, error):
        del self.results[key]


@pytest.fixture(autouse=True)
def records(monkeypatch):
    """Idempotency records in memory."""
    from millrace.runtime import idempotency

    memory = Memory()
    monkeypatch.setattr(idempotency, "records", lambda: memory)
    return memory


@pytest.fixture
def quarantined(monkeypatch):
    """The messages of quarantined events."""
    from types import SimpleNamespace

    from millrace.runtime import quarantine

    sent = []
    monkeypatch.setattr(
        quarantine, "client", lambda _: SimpleNamespace(send_message=lambda **given: sent.append(given))
    )
    monkeypatch.setenv("MILLRACE_QUARANTINE", "quarantine")
    monkeypatch.setenv("MILLRACE_DEAD_LETTERS", "dead-letters")
    monkeypatch.setenv("MILLRACE_MAX_HOPS", "2")
    return sent


@pytest.fixture
def marks(table, monkeypatch):
    """A table for the markers of `update_once`."""
    marks = table("id")
    monkeypatch.setenv("MILLRACE_IDEMPOTENCY_TABLE", marks.name)
    monkeypatch.setenv("MILLRACE_IDEMPOTENCY_SECONDS", "60")
    return marks


@pytest.fixture(scope="session")
def dynamodb():
    """DynamoDB by moto, which knows expressions as AWS does, in a region that no other test uses."""
    import boto3
    from moto import mock_aws

    mock = mock_aws()
    mock.start(reset=False)
    yield boto3.resource("dynamodb", region_name="eu-central-2")
    mock.stop(remove_data=False)


@pytest.fixture
def table(dynamodb):
    """Make an empty table with one text key; it goes with the test."""
    made = []

    def make(key):
        made.append(
            dynamodb.create_table(
                TableName=f"table-{len(made)}",
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        )
        return made[-1]

    yield make
    for table in made:
        table.delete()
