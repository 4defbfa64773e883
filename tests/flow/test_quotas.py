"""The check `stack-quotas`: each quota at 80 %."""

import pytest
from handmade import att, of


@pytest.mark.parametrize(("count", "noted"), [(399, False), (400, True)])
def test_stack_with_80_percent_of_its_resources_is_noted(found, count, noted):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    given = found(**{f"P{number}": of("SSM::Parameter", Type="String", Value="x") for number in range(count)})
    assert given == ([("stack-quotas", "S")] if noted else [])


@pytest.mark.parametrize(("size", "noted"), [(790_000, False), (800_000, True)])
def test_template_with_80_percent_of_its_bytes_is_noted(found, size, noted):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    assert found(P=of("SSM::Parameter", Type="String", Value="x" * size)) == ([("stack-quotas", "S")] if noted else [])


@pytest.mark.parametrize(("accounts", "noted"), [(50, False), (80, True)])
def test_bus_policy_with_80_percent_of_its_characters_is_noted(found, accounts, noted):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
    statement = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}
    policies = {
        f"P{n}": of(
            "Events::EventBusPolicy",
            EventBusName="own",
            Statement=statement | {"Principal": f"{n:012}", "Sid": f"S{n:010}"},
        )
        for n in range(accounts)
    }
    given = found(Bus=of("Events::EventBus", Name="own"), **policies)
    assert (("stack-quotas", "S/Bus") in given) is noted


@pytest.mark.parametrize(("senders", "size", "noted"), [(15, 1, False), (16, 1, True), (1, 6_500, True)])
def test_queue_policy_with_80_percent_of_its_quota_is_noted(found, senders, size, noted):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Sid": "S" * size}
    document = {"Statement": [statement] * senders}
    policy = of("SQS::QueuePolicy", Queues=[{"Ref": "Work"}], PolicyDocument=document)
    assert (("stack-quotas", "S/Policy") in found(Work=of("SQS::Queue"), Policy=policy)) is noted


@pytest.mark.parametrize(("alarms", "noted"), [(100, False), (101, True)])
def test_widget_with_more_alarms_than_cloudwatch_shows_is_noted(found, alarms, noted):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
    before, after = '{"widgets":[{"type":"text"},{"type":"alarm","properties":{"alarms":["', '"]}}]}'
    names = [part for _ in range(alarms) for part in (att("Bell"), '","')][:-1]
    body = {"Fn::Join": ["", [before, *names, after]]}
    assert found(Board=of("CloudWatch::Dashboard", DashboardBody=body)) == (
        [("stack-quotas", "S/Board")] if noted else []
    )
