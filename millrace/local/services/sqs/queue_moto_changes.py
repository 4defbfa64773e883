"""Changes to the attributes of moto's queues, to batches and to PurgeQueue."""

import json
from typing import Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import is_true
from millrace.local.core.moto_patches import replace, replace_attribute
from millrace.local.services.sqs.validation import check_message

_ALLOW = "RedriveAllowPolicy"


def apply() -> None:
    """Apply every change."""
    _keep_attributes()
    _enforce_redrive_permission()
    _fail_single_entries()
    _forget_purged_messages()
    _show_whole_timestamps()
    _begin_policies()


def _keep_attributes() -> None:
    """moto's SetQueueAttributes drops the policy if it is not passed again, and moto has no RedriveAllowPolicy.

    It keeps both kinds of encryption where one replaces the other.
    """
    from moto.sqs.models import Queue

    set_by_moto = Queue._set_attributes

    def set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        known = {"Policy": queue.policy} if hasattr(queue, "_policy_json") else {}
        allowed = attributes.get(_ALLOW, queue.redrive_allow_policy)
        set_by_moto(queue, {**known, **attributes}, now)
        if attributes.get("KmsMasterKeyId"):
            queue.sqs_managed_sse_enabled = "false"
        elif is_true(attributes.get("SqsManagedSseEnabled")):
            queue.kms_master_key_id = queue.kms_data_key_reuse_period_seconds = None
        queue.redrive_allow_policy = (json.dumps(allowed) if isinstance(allowed, dict) else allowed) or None

    Queue.redrive_allow_policy = None
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, _ALLOW]
    replace(Queue, "_set_attributes", set_attributes)


def _enforce_redrive_permission() -> None:
    """A dead-letter queue may allow no source queue, or some only; moto ignores that.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html
    """
    from moto.sqs.exceptions import InvalidParameterValue
    from moto.sqs.models import Queue

    set_by_moto = Queue._setup_dlq

    def set_up(queue: Any, policy: Any) -> None:
        before = getattr(queue, "redrive_policy", None), queue.dead_letter_queue
        set_by_moto(queue, policy)
        dead = queue.dead_letter_queue
        if dead is not None and not _allows(dead.redrive_allow_policy, queue.queue_arn):
            queue.redrive_policy, queue.dead_letter_queue = before
            text = policy if isinstance(policy, str) else json.dumps(policy)
            reason = f"The dead-letter queue {dead.queue_arn} does not allow {queue.queue_arn} to redrive to it."
            raise InvalidParameterValue(f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}")

    replace(Queue, "_setup_dlq", set_up)


def _allows(policy: str | None, source: str) -> bool:
    allowed = json.loads(policy) if policy else {}
    permission = allowed.get("redrivePermission", "allowAll")
    return bool(permission == "allowAll" or (permission == "byQueue" and source in allowed.get("sourceQueueArns", ())))


def _fail_single_entries() -> None:
    """moto fails a whole batch for one invalid entry, and drops the system attributes of entries.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
    """
    from moto.sqs.models import SQSBackend

    def send_message_batch(backend: Any, queue_name: str, entries: dict[str, dict[str, Any]]) -> Any:
        queue, sent, failed = backend.get_queue(queue_name), [], []
        for entry in entries.values():
            try:
                check_message(queue, entry)
            except ApiError as error:
                fault = {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
                failed.append(fault)
                continue
            message = backend.send_message(
                queue_name,
                entry["MessageBody"],
                message_attributes=entry.get("MessageAttributes"),
                delay_seconds=entry.get("DelaySeconds"),
                group_id=entry.get("MessageGroupId"),
                deduplication_id=entry.get("MessageDeduplicationId"),
                system_attributes=entry.get("MessageSystemAttributes"),
            )
            message.user_id = entry["Id"]
            sent.append(message)
        return sent, failed

    replace(SQSBackend, "send_message_batch", send_message_batch)


def _forget_purged_messages() -> None:
    """A purged message can be sent again: PurgeQueue clears the deduplication ids, too."""
    from moto.sqs.models import SQSBackend

    purge_by_moto = SQSBackend.purge_queue

    def purge_queue(backend: Any, queue_name: str) -> None:
        purge_by_moto(backend, queue_name)
        backend.get_queue(queue_name).__dict__.pop("millrace_sent", None)

    replace(SQSBackend, "purge_queue", purge_queue)


def _show_whole_timestamps() -> None:
    """moto shows fractions of seconds; SQS shows whole seconds."""
    from moto.sqs.models import Queue

    by_moto = Queue.attributes.fget

    def attributes(queue: Any) -> dict[str, Any]:
        found: dict[str, Any] = by_moto(queue)
        times = {name: int(found[name]) for name in ("CreatedTimestamp", "LastModifiedTimestamp")}
        return {**found, **times}

    replace_attribute(Queue, "attributes", property(attributes))


def _begin_policies() -> None:
    """The first AddPermission creates a policy of version 2008-10-17; moto's has another version."""
    from moto.sqs.models import SQSBackend

    add_by_moto = SQSBackend.add_permission

    def add_permission(backend: Any, region_name: str, queue_name: str, *args: Any, **options: Any) -> None:
        policy = backend.get_queue(queue_name)._policy_json
        add_by_moto(backend, region_name, queue_name, *args, **options)
        if len(policy["Statement"]) == 1:
            policy["Version"] = "2008-10-17"

    replace(SQSBackend, "add_permission", add_permission)
