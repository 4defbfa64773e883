"""Processors: handlers, tables, settings, and the shared layer."""

import re

import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm

from millrace.constructs import (
    FunctionNotFoundError,
    Mediator,
    MissingDeclarationError,
    MissingTableError,
    Processor,
    direct,
    queue,
)
from millrace.constructs.function.settings import SettingError

KEY = "arn:aws:kms:us-east-1:111122223333:key/abc"


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


def test_function_may_decrypt_a_parameter_under_a_key(stack, bus, synthesised):
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-restrict-decryption.html"""
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    named = {"parameter_name": "/mail/token", "encryption_key": key}
    token = ssm.StringParameter.from_secure_string_parameter_attributes(stack, "Token", **named)
    Processor(stack, "P", bus=bus, function="issue_gift", parameters={"TOKEN": token})
    statements = (template := synthesised()).statements(template.function("issue_gift"))
    assert [each["Action"] for each in statements if each["Resource"] == KEY] == ["kms:Decrypt"]
    assert [each for each in statements if "ssm:GetParameter" in each["Action"]]


def test_settings_beyond_a_limit_of_lambda_raise(stack, bus):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    from aws_cdk import Duration

    with raises(SettingError, "The construct Test/P has timeout=901 s. Set 1 to 900 s."):
        Processor(stack, "P", bus=bus, function="issue_gift", timeout=Duration.seconds(901))
    with raises(SettingError, "has memory_size=64. Set 128 to 10240, in MB."):
        Processor(stack, "Q", bus=bus, function="issue_gift", memory_size=64)


def test_direct_channel_has_only_a_dead_letter_queue(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=direct(retry_attempts=1))
    template = synthesised()
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 1
    assert len(template.of("SQS::Queue")) == 2
