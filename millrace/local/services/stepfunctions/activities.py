"""Operations on activities and task tokens.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import strict
from millrace.local.services.stepfunctions.interpreter import Activities, Pending, TaskTokens
from millrace.local.services.stepfunctions.requests import Params, Result, check_arn, check_name, page

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

POLL_SECONDS = 60
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html"""


@dataclass
class Activity:
    """An activity."""

    arn: str
    name: str
    encryption: dict[str, object]
    created_at: float
    tags: dict[str, str] = field(default_factory=dict)


class ActivityOperations:
    """`answers` are the operations by name. `tasks` has what executions schedule."""

    def __init__(self, region: "AccountRegion", tasks: Activities, tokens: TaskTokens) -> None:
        self._region = region
        self._tasks = tasks
        self._tokens = tokens
        self.activities: dict[str, Activity] = {}
        self.answers: dict[str, Callable[[Params], Result | Awaitable[Result]]] = {
            "CreateActivity": self._create,
            "DeleteActivity": self._delete,
            "DescribeActivity": self._describe,
            "ListActivities": self._list,
            "GetActivityTask": self._get_task,
            "SendTaskSuccess": self._succeed,
            "SendTaskFailure": self._fail,
            "SendTaskHeartbeat": self._beat,
        }

    def _create(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateActivity.html."""
        name, encryption = params["name"], params.get("encryptionConfiguration", {"type": "AWS_OWNED_KEY"})
        check_name(name)
        arn = f"arn:aws:states:{self._region.name}:{self._region.account}:activity:{name}"
        tags = {tag.get("key", ""): tag.get("value", "") for tag in params.get("tags", [])}
        created = Activity(arn, name, encryption, self._region.clock.now(), tags)
        activity = self.activities.setdefault(arn, created)
        if activity.encryption != encryption:
            raise ApiError("ActivityAlreadyExists", f"Activity Already Exists: '{arn}'")
        return {"activityArn": arn, "creationDate": activity.created_at}

    def _delete(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteActivity.html."""
        check_arn(params["activityArn"], "activity")
        self.activities.pop(params["activityArn"], None)
        return {}

    def find(self, arn: str) -> Activity:
        """Return an activity. Raises ApiError."""
        check_arn(arn, "activity")
        if arn not in self.activities:
            raise ApiError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
        return self.activities[arn]

    def _describe(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeActivity.html."""
        activity = self.find(params["activityArn"])
        return {**_list_item(activity), "encryptionConfiguration": activity.encryption}

    def _list(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListActivities.html."""
        found, token = page(list(self.activities.values()), params, lambda activity: activity.arn)
        return {"activities": [_list_item(each) for each in found], **token}

    async def _get_task(self, params: Params) -> Result:
        """Wait for a task, at most 60 seconds; settle() does not wait for the poll.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
        """
        arn, scheduler = self.find(params["activityArn"]).arn, self._region.scheduler
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        task = self._tasks.take(arn, params.get("workerName"))
        due = self._region.clock.now() + POLL_SECONDS

        def end_poll() -> None:
            task.cancel()
            answer.set_result({})

        poll = scheduler.at(due, end_poll, f"poll of {arn}", flow=False)

        def answer_with_task(pending: Pending) -> None:
            scheduler.cancel(poll)
            answer.set_result({"taskToken": pending.value.token, "input": pending.value.input})

        task.then(answer_with_task)
        return await answer

    def _succeed(self, params: Params) -> Result:
        try:
            strict(params["output"])
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from error
        self._tokens.succeed(params["taskToken"], params["output"])
        return {}

    def _fail(self, params: Params) -> Result:
        self._tokens.fail(params["taskToken"], params.get("error"), params.get("cause"))
        return {}

    def _beat(self, params: Params) -> Result:
        self._tokens.beat(params["taskToken"])
        return {}


def _list_item(activity: Activity) -> Result:
    return {"activityArn": activity.arn, "name": activity.name, "creationDate": activity.created_at}
