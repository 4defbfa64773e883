"""Processors: handlers, tables, settings, and the shared layer."""

import re

import pytest

from millrace.constructs import (
    FunctionNotFoundError,
    Mediator,
    MissingDeclarationError,
    MissingTableError,
    Processor,
    direct,
    queue,
)


def raises(error, message):
    return pytest.raises(error, match=re.escape(message))


def test_missing_table_raises_with_function_parameter_and_fix(stack, bus):
    message = "award_points.handler.handler needs the table 'points': add tables={'points': …} to Processor Test/P"
    with raises(MissingTableError, message):
        Processor(stack, "P", bus=bus, function="award_points")


def test_unused_table_raises(stack, bus, table):
    message = "(upgrade_tier) has a parameter 'points': remove the table, or add 'points: Table'"
    with raises(MissingTableError, message):
        Processor(stack, "P", bus=bus, function="upgrade_tier", tables={"points": table})


def test_unknown_folder_raises_with_the_known_folders(stack, bus):
    with raises(FunctionNotFoundError, "The functions of this project are: arrange_shipping, award_points, "):
        Processor(stack, "P", bus=bus, function="award_pionts")


def test_construct_with_the_wrong_kind_of_handler_raises(stack, bus):
    message = "functions/arrange_shipping/handler.py has no function 'handler' decorated with @processor"
    with raises(MissingDeclarationError, message):
        Processor(stack, "P", bus=bus, function="arrange_shipping")
    with raises(MissingDeclarationError, "decorated with @step"):
        Mediator(stack, "M", bus=bus, steps=["issue_gift"])


def test_settings_of_function_and_channel_are_in_the_template(stack, bus, synthesised):
    from aws_cdk import Duration

    channel = queue(batch_size=1, max_concurrency=2, max_receive_count=3)
    settings = {"timeout": Duration.seconds(7), "memory_size": 512, "environment": {"A": "b"}, "tracing": False}
    Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, **settings)
    (function,) = (template := synthesised()).of("Lambda::Function").values()
    (mapping,) = template.of("Lambda::EventSourceMapping").values()
    assert (function["Timeout"], function["MemorySize"], function["Environment"]["Variables"]["A"]) == (7, 512, "b")
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (1, {"MaximumConcurrency": 2})
    assert 42 in [q.get("VisibilityTimeout") for q in template.of("SQS::Queue").values()]


def test_direct_channel_has_only_a_dead_letter_queue(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=direct(retry_attempts=1))
    template = synthesised()
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 1
    assert len(template.of("SQS::Queue")) == 2
