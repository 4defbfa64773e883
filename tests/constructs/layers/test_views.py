"""SpeedView and BatchView: permissions, the state machine of a batch, and its schedule."""

import pytest

from millrace.constructs import BatchView, MissingDeclarationError, Processor, SpeedView


@pytest.fixture
def views(stack, bus, synthesised):
    """A speed view, its processor, and a batch view."""

    def views(**settings):
        speed = SpeedView(stack, "Speed", bus=bus)
        Processor(stack, "Record", bus=bus, function="record_sale", tables={"sales": speed})
        BatchView(stack, "Batch", bus=bus, speed=speed, function="compute_sales", **settings)
        return synthesised()

    return views


@pytest.fixture(autouse=True)
def without_duckdb(monkeypatch):
    """The example's own requirements are not installed again."""
    monkeypatch.setattr("millrace.constructs.function.layer.own_requirements", lambda _: [])


def test_batch_closes_waits_lists_and_computes_each_day_in_a_map_run(views):
    machine = views(tolerated_failure_percentage=5, max_concurrency=3).machine()
    order, state = [], machine["StartAt"]
    while state:
        order.append(state)
        state = machine["States"][state].get("Next")
    days = machine["States"]["days"]
    assert order == ["close", "wait for writers", "list", "days"]
    assert (days["ToleratedFailurePercentage"], days["MaxConcurrency"], days["ResultPath"]) == (5, 3, None)
    assert machine["States"]["wait for writers"]["Seconds"] == 900


def test_state_machine_may_start_and_redrive_its_child_executions(views):
    """https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html"""
    policies = views().of("IAM::Policy").values()
    statements = [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]
    (children,) = [each for each in statements if "states:RedriveExecution" in each["Action"]]
    assert str(children["Resource"]).endswith("/days:*']]}")
    assert "states:StartExecution" in [each["Action"] for each in statements]


def test_writer_may_write_the_archive_and_batch_may_read_it(views):
    template = views()

    def object_actions(function):
        found = [each for each in template.statements(template.function(function)) if "day=*" in str(each["Resource"])]
        return [each["Action"] for each in found]

    assert object_actions("record_sale") == ["s3:PutObject"]
    assert object_actions("compute_sales") == ["s3:GetObject"]


def test_schedule_starts_the_batch_at_night(views):
    (schedule,) = views(time_zone="Europe/Berlin").of("Scheduler::Schedule").values()
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Europe/Berlin",
    )
    assert schedule["Target"]["DeadLetterConfig"]["Arn"]


def test_function_without_batch_view_is_refused(stack, bus):
    with pytest.raises(MissingDeclarationError, match="decorated with @batch_view"):
        BatchView(stack, "Batch", bus=bus, speed=SpeedView(stack, "Speed", bus=bus), function="record_sale")
