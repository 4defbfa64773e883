"""Idempotency records in DynamoDB, on the persistence layer of Powertools.

https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord

from millrace.runtime.dynamodb import retried
from millrace.runtime.fingerprints import matches
from millrace.runtime.records import InProgressError, Key, PayloadMismatchError, Result

MOST_BYTES = 300_000
"""Maximum size of a result in one item. An item of DynamoDB has at most 400 KB.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
_MAX_ITEMS = 100  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html


class DynamoDBRecords(DynamoDBPersistenceLayer):
    """One item for each event. A larger result is split: its parts are further items, written first."""

    def __init__(self, *, table: str, scope: str, seconds: int, client: Any = None) -> None:
        super().__init__(table_name=table, boto3_client=client)
        config = IdempotencyConfig(
            event_key_jmespath="{key: key}",
            payload_validation_jmespath="fingerprint",
            expires_after_seconds=seconds,
            hash_function="sha256",
        )
        self.configure(config, key_prefix=scope)

    def begin(self, key: Key, milliseconds: int, fingerprint: str = "") -> Result | None:
        """Create the record of an event, locked for this time. Returns the result if the event was handled before.

        Raises InProgressError, and PayloadMismatchError if the record has another fingerprint.
        """
        data = {**self._data(key), "fingerprint": fingerprint}
        try:
            self.save_inprogress(data=data, remaining_time_in_millis=milliseconds)
        except IdempotencyItemAlreadyExistsError as known:
            return self._result(key, known.old_data_record)
        return None

    def save(self, keys: Sequence[Key], result: Result) -> None:
        """Save the result of events that were handled together, in one transaction. The first record contains it."""
        data = self._stored(keys[0], result)
        if len(keys) == 1:
            retried(self.client.update_item, **self._update(keys[0], data))
            return
        nothing = {"published": True, "events": []}
        for first in range(0, len(keys), _MAX_ITEMS):
            some = keys[first : first + _MAX_ITEMS]
            updates = [self._update(key, nothing if first + n else data) for n, key in enumerate(some)]
            retried(self.client.transact_write_items, TransactItems=[{"Update": update} for update in updates])

    def release(self, key: Key, error: Exception) -> None:
        """Delete the record of an event whose handler failed."""
        self.delete_record(data=self._data(key), exception=error)

    def _put_record(self, data_record: DataRecord) -> None:
        retried(super()._put_record, data_record=data_record)

    def _delete_record(self, data_record: DataRecord) -> None:
        retried(super()._delete_record, data_record=data_record)

    def _get_hashed_payload(self, data: dict[str, Any]) -> str:
        """Return the fingerprint, which consists of hashes."""
        return str(data["fingerprint"])

    def _validate_payload(self, data_payload: dict[str, Any] | DataRecord, stored_data_record: DataRecord) -> None:
        """Compare fingerprints. Records of earlier versions of Millrace have none."""
        given = data_payload.payload_hash if isinstance(data_payload, DataRecord) else data_payload["fingerprint"]
        if not matches(given, stored_data_record.payload_hash):
            raise PayloadMismatchError(
                "The record belongs to an event with other data.", stored_data_record.payload_hash
            )

    @staticmethod
    def _data(key: Key) -> dict[str, Any]:
        return {"key": list(key)}

    def _result(self, key: Key, record: DataRecord | None) -> Result:
        stored = json.loads(record.response_data) if record and record.response_data else None
        if record is None or stored is None or not (stored["published"] or _has_expired(record)):
            raise InProgressError(
                f"{' '.join(key)} is being handled by another delivery, or its function was killed. "
                f"This delivery is retried after the timeout of the other one."
            )
        if "parts" in stored:
            text = "".join(self._part(f"{record.idempotency_key}#{n}") for n in range(stored["parts"]))
            stored["events"] = json.loads(text)
        return Result(stored["events"], stored["published"])

    def _stored(self, key: Key, result: Result) -> dict[str, Any]:
        text = json.dumps(result.envelopes, separators=(",", ":"))  # ASCII: a character is a byte
        if len(text) <= MOST_BYTES:
            return {"published": result.published, "events": result.envelopes}
        parts = [text[first : first + MOST_BYTES] for first in range(0, len(text), MOST_BYTES)]
        for number, part in enumerate(parts):
            item = {"id": f"{self._id(key)}#{number}", "expiration": self._get_expiry_timestamp(), "part": part}
            retried(self.client.put_item, TableName=self.table_name, Item=self._item(item))
        return {"published": result.published, "parts": len(parts)}

    def _part(self, identity: str) -> str:
        found = self.client.get_item(TableName=self.table_name, Key={"id": {"S": identity}}, ConsistentRead=True)
        return found["Item"]["part"]["S"]

    def _id(self, key: Key) -> str:
        return str(self._get_hashed_idempotency_key(data=self._data(key)))

    @staticmethod
    def _item(values: dict[str, Any]) -> dict[str, Any]:
        return {name: {"N" if isinstance(value, int) else "S": str(value)} for name, value in values.items()}

    def _update(self, key: Key, data: dict[str, Any]) -> Any:
        """Return the update that `save_success` of Powertools makes."""
        names = {"#data": self.data_attr, "#expiry": self.expiry_attr, "#status": self.status_attr}
        values = {":data": json.dumps(data), ":expiry": self._get_expiry_timestamp()}
        return {
            "TableName": self.table_name,
            "Key": {"id": {"S": self._id(key)}},
            "UpdateExpression": "SET #data = :data, #expiry = :expiry, #status = :status",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": self._item(values | {":status": STATUS_CONSTANTS["COMPLETED"]}),
        }


def _has_expired(record: DataRecord) -> bool:
    """Whether the delivery that stored an unpublished result has timed out, and so can no longer publish it."""
    return (record.in_progress_expiry_timestamp or 0) <= time.time() * 1000
