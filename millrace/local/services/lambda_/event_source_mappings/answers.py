"""What a function answers to a batch: which of its items failed.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

from collections.abc import Collection

from millrace.local.core.json_text import parsed

REPORTS = "ReportBatchItemFailures"


def failed_items(payload: bytes, known: Collection[str]) -> set[str]:
    """The ids that a partial batch response names; an answer that Lambda cannot read fails the whole batch."""
    answer = parsed(payload)
    if answer is None:
        return set() if payload.strip() in (b"", b"null") else set(known)
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else answer
    if failures is None or failures == []:
        return set()
    if not isinstance(failures, list) or not isinstance(answer, dict):
        return set(known)
    ids = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    return {str(each) for each in ids} if ids <= set(known) else set(known)
