"""Notifications: the forms in which subscribers receive a message of a topic.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from millrace.local.core.clock import iso_millis
from millrace.local.core.json_text import is_true

Attributes = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Notification:
    """One message for one subscription of moto's. `time` is in seconds since 1970."""

    subscription: Any
    message: str
    message_id: str
    options: Mapping[str, Any]
    time: float

    @property
    def attributes(self) -> Attributes:
        """The message attributes, with binary values in Base64."""
        return self.options.get("message_attributes") or {}

    @property
    def is_raw(self) -> bool:
        """Whether the subscriber receives the message alone."""
        return is_true(self.subscription.attributes.get("RawMessageDelivery"))

    def text(self, indent: int | None = None) -> str:
        """Return the message alone, or the JSON document."""
        return self.message if self.is_raw else json.dumps(self.body(), indent=indent)

    def event(self) -> dict[str, Any]:
        """Return the event of a function. https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
        fields = self._fields()
        fields = {"Subject": None, **fields, "MessageAttributes": dict(self.attributes)}
        for url in ("SigningCert", "Unsubscribe"):
            if f"{url}URL" in fields:
                fields[f"{url}Url"] = fields.pop(f"{url}URL")
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": self.subscription.arn,
            "EventSource": "aws:sns",
            "Sns": fields,
        }
        return {"Records": [record]}

    def body(self) -> dict[str, Any]:
        """Return the JSON document for a queue or an HTTP endpoint."""
        attributes = {"MessageAttributes": dict(self.attributes)} if self.attributes else {}
        return {**self._fields(), **attributes}

    def queue_attributes(self) -> dict[str, dict[str, Any]]:
        """Return the message attributes of a raw delivery to a queue.

        https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
        """
        return {name: _queue_attribute(value) for name, value in self.attributes.items()}

    def _fields(self) -> dict[str, Any]:
        topic = self.subscription.topic
        url = f"https://sns.{topic.arn.split(':')[3]}.amazonaws.com"
        fields = {
            "Type": "Notification",
            "MessageId": self.message_id,
            "SequenceNumber": self.options.get("sequence_number"),
            "TopicArn": topic.arn,
            "Subject": self.options.get("subject"),
            "Message": self.message,
            "Timestamp": iso_millis(self.time),
        }
        unsubscribe = {"UnsubscribeURL": f"{url}/?Action=Unsubscribe&SubscriptionArn={self.subscription.arn}"}
        fields = {name: value for name, value in fields.items() if value is not None}
        if is_true(topic.fifo_topic):
            return fields | unsubscribe
        version = str(getattr(topic, "signature_version", None) or "1")
        signature = _signature(_signed_text(fields), version)
        certificate = f"{url}/SimpleNotificationService-millrace.pem"
        signed = {"SignatureVersion": version, "Signature": signature, "SigningCertURL": certificate}
        return fields | signed | unsubscribe


def _signed_text(fields: Mapping[str, Any]) -> str:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html."""
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    return "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)


def _signature(text: str, version: str) -> str:
    """Version 1 signs with SHA1, version 2 with SHA256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - AWS's version 1
    return base64.b64encode(_key().sign(text.encode(), padding.PKCS1v15(), digest)).decode()


@cache
def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _queue_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    kind, content = str(value["Type"]), value["Value"]
    if kind.startswith("Binary"):
        return {"DataType": kind, "BinaryValue": base64.b64decode(content)}
    return {"DataType": kind, "StringValue": str(content)}
