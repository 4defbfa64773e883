"""Stacks in the style of public samples, without a construct of the kit, deployed once for each test module."""

import json
import os
import sys
from pathlib import Path

import pytest

# jsii reads these variables when aws_cdk is first imported.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
os.environ |= {"CDK_VALIDATION": "false", "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}


class Strangers:
    """The deployed stacks, and helpers that read what their resources received."""

    def __init__(self, cloud, folder):
        self._folder = folder
        self.cloud = cloud
        self.client = cloud.client
        self.settle = cloud.settle

    def output(self, stack, name="Function"):
        """Return an output of a stack."""
        return self.cloud.outputs(stack)[f"{name}Output"]

    def put(self, bus, source, detail_type="thing", **detail):
        """Put an event, and settle."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "EventBusName": bus}
        assert self.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        self.settle()

    def bodies(self, url):
        """Receive the messages of a queue and return their bodies, parsed where they are JSON."""
        found = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [_parsed(message["Body"]) for message in found.get("Messages", [])]

    def seen(self, function):
        """Return the events that a function has printed."""
        found = self.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        return [json.loads(line["message"][5:]) for line in found if line["message"].startswith("SEEN ")]

    def pass_time(self, seconds):
        """Skip time, and settle."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.settle()

    def without(self, stack):
        """Deploy the stacks without one of them."""
        manifest = self._folder / "manifest.json"
        content = json.loads(manifest.read_text())
        content["artifacts"].pop(stack)
        manifest.write_text(json.dumps(content))
        self.cloud.deploy(self._folder)


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.fixture(scope="session")
def hook():
    """A server outside the cloud, which an API destination calls."""
    from web_hook import WebHook

    with WebHook() as hook:
        yield hook


@pytest.fixture(scope="module")
def strangers(empty_cloud, tmp_path_factory, hook, request):
    """The deployed stacks of a test module."""
    from stranger_app import STACKS, synthesise

    folder = tmp_path_factory.mktemp("strangers") / "cdk.out"
    if stacks := STACKS.get(request.module.__name__):
        synthesise(folder, stacks)
        calls_hook = any("HookUrl" in file.read_text() for file in folder.glob("*.template.json"))
        empty_cloud.deploy(folder, parameters={"HookUrl": hook.url} if calls_hook else {})
    yield Strangers(empty_cloud, folder)
    empty_cloud.reset()
