import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain, task

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.activities import ActivityOperations
from millrace.local.services.stepfunctions.interpreter import Activities, TaskTokens

pytest_plugins = ("machines_fixtures",)


@pytest.fixture
def activity(kit):
    return kit.states.create_activity(name=kit.name())["activityArn"]


def test_worker_receives_the_task_and_sends_its_result(kit, activity):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html"""
    execution = kit.start(chain(It=task(activity)), {"n": 1})
    kit.cloud.settle()
    taken = kit.states.get_activity_task(activityArn=activity, workerName="one")
    kit.states.send_task_success(taskToken=taken["taskToken"], output="2")
    kit.cloud.settle()
    assert (json.loads(taken["input"]), kit.describe(execution)["output"]) == ({"n": 1}, 2)
    assert kit.event_types(execution)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_poll_waits_for_a_task(kit, activity):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html"""
    machine = kit.machine(chain(It=task(activity)))
    with ThreadPoolExecutor(1) as threads:
        poll = threads.submit(kit.sync_client().get_activity_task, activityArn=activity)
        kit.start(machine, {"n": 7})
        assert json.loads(poll.result(30)["input"]) == {"n": 7}


def test_poll_ends_empty_after_a_minute():
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html"""
    scheduler = Scheduler(Clock())
    region = SimpleNamespace(scheduler=scheduler, clock=scheduler.clock, name="us-east-1", account="123456789012")
    answers = ActivityOperations(region, Activities(), TaskTokens()).answers
    arn = answers["CreateActivity"]({"name": "it"})["activityArn"]

    async def poll():
        answer = asyncio.ensure_future(answers["GetActivityTask"]({"activityArn": arn}))
        await asyncio.sleep(0)
        scheduler.clock.skip_to(scheduler.clock.now() + 61)
        scheduler.run_due()
        return await answer

    assert asyncio.run(poll()) == {}


def test_activity_without_a_worker_times_out(kit, activity):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html"""
    execution = kit.start(chain(It=task(activity, TimeoutSeconds=60)))
    kit.advance(61)
    assert kit.describe(execution)["error"] == "States.Timeout"


def test_activity_is_created_once_described_listed_and_deleted(kit, activity):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateActivity.html"""
    name = activity.rpartition(":")[2]
    assert kit.states.create_activity(name=name)["activityArn"] == activity
    assert kit.states.describe_activity(activityArn=activity)["name"] == name
    assert activity in [each["activityArn"] for each in kit.states.list_activities()["activities"]]
    kit.states.delete_activity(activityArn=activity)
    with pytest.raises(ClientError, match=f"ActivityDoesNotExist.*Activity Does Not Exist: '{activity}'"):
        kit.states.get_activity_task(activityArn=activity)


def test_activity_has_tags(kit, activity):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html"""
    kit.states.tag_resource(resourceArn=activity, tags=[{"key": "a", "value": "1"}])
    assert kit.states.list_tags_for_resource(resourceArn=activity)["tags"] == [{"key": "a", "value": "1"}]


def test_tag_without_a_key_or_value_is_stored_as_for_state_machines(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_Tag.html"""
    activity = kit.states.create_activity(name=kit.name(), tags=[{}, {"key": "team"}])["activityArn"]
    tags = kit.states.list_tags_for_resource(resourceArn=activity)["tags"]
    assert tags == [{"key": "", "value": ""}, {"key": "team", "value": ""}]
