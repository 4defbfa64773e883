"""Subscription filters of log groups."""

import pytest

pytest_plugins = ["lambda_fixtures"]


def test_subscription_filter_is_not_supported(site):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html

    Refused: the local cloud delivers no log events to functions or streams.
    """
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="subscription filter"):
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=site.function())
