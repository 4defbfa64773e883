"""The checks. Each finds one weakness of event-driven systems."""

from millrace.flow.checks.access import outside_publishes_inside, unencrypted_store, wildcard_grant
from millrace.flow.checks.code import missing_dependency, undeclared_publish, unnamed_cause
from millrace.flow.checks.contracts import oversized_contract, unordered_channel
from millrace.flow.checks.failures import missing_failure_path, step_without_undo, unanswerable_callback
from millrace.flow.checks.loops import cycle, hop_limit
from millrace.flow.checks.quotas import concurrency_quota, stack_quotas
from millrace.flow.checks.recursion import recursive_loop
from millrace.flow.checks.subscriptions import (
    double_delivery,
    impossible_pattern,
    unconsumed_event,
    unfed_subscription,
)
from millrace.flow.checks.timing import retries_outlive_retention, short_idempotency, short_retries, short_visibility
from millrace.flow.findings import Check

CHECKS: tuple[Check, ...] = (
    cycle,
    hop_limit,
    recursive_loop,
    unconsumed_event,
    unfed_subscription,
    impossible_pattern,
    double_delivery,
    missing_failure_path,
    short_visibility,
    retries_outlive_retention,
    short_idempotency,
    short_retries,
    unordered_channel,
    oversized_contract,
    undeclared_publish,
    unnamed_cause,
    missing_dependency,
    concurrency_quota,
    stack_quotas,
    wildcard_grant,
    unencrypted_store,
    outside_publishes_inside,
    step_without_undo,
    unanswerable_callback,
)
