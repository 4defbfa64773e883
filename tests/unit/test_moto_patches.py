import re
import subprocess
import sys
from pathlib import Path

import pytest

from millrace.local.core.moto_patches import MotoChangedError, add, replace, replace_attribute

ROOT = Path(__file__).parents[2]
LIST = """
import sys
from moto.backends import get_backend
from millrace.local import services
from millrace.local.core import moto_changes, moto_patches

moto_changes.settings(1)
moto_changes.attach(object(), [module.apply for module in services.modules("moto_changes")])
assert "cryptography.x509" not in sys.modules, "a start imports what only server certificates need"
for name in ("apigateway", "iot", "iotdata", "sns"):
    get_backend(name)
assert callable(sys.modules["moto.iam.models"].x509.load_pem_x509_certificate)
print(*moto_patches.applied)
"""


class Queue:
    def __init__(self):
        self.messages = []

    def send(self, body, delay=0):
        return body, delay


def test_every_patch_is_listed_with_its_reason():
    run = subprocess.run([sys.executable, "-c", LIST], check=True, capture_output=True, text=True)
    listed = re.findall(r"^\| `(moto\..+)` \| .+ \|$", (ROOT / "docs" / "moto-patches.md").read_text(), re.MULTILINE)
    assert set(run.stdout.split()) == set(listed)


def test_replacement_returns_the_original():
    original = replace(Queue, "send", Queue.send)
    assert original(None, "hi") == ("hi", 0)


@pytest.mark.parametrize(
    ("replacement", "problem"),
    [
        (lambda queue, body: None, "it has the new parameter delay"),
        (lambda queue, text, delay=0: None, "its parameter 1 is body, no longer text"),
        (lambda queue, body, delay, more: None, "it has no parameter more"),
    ],
)
def test_changed_parameters_are_named(replacement, problem):
    with pytest.raises(MotoChangedError, match=f"Queue.send, but in moto .* {problem}"):
        replace(Queue, "send", replacement)


@pytest.mark.parametrize("replacement", [lambda *args, **more: None, lambda queue, body, **more: None])
def test_replacement_can_pass_on_further_parameters(replacement):
    kind = type("Other", (), {"send": Queue.send})
    replace(kind, "send", replacement)
    assert kind.send is replacement


def test_missing_part_is_named():
    with pytest.raises(MotoChangedError, match="it does not exist"):
        replace(Queue, "receive", Queue.send)
    with pytest.raises(MotoChangedError, match=r"Queue\.attributes"):
        replace_attribute(Queue, "attributes", property(len))


def test_added_method_must_be_new():
    with pytest.raises(MotoChangedError, match="it exists"):
        add(Queue, "send", Queue.send)
