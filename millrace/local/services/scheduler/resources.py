"""Schedules and schedule groups.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Scheduler.html
"""

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_SCHEDULE = props(
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)

SCHEDULE = ResourceType(
    "AWS::Scheduler::Schedule",
    "scheduler",
    name=Name("Name", 64, within=("GroupName",)),
    create=Call("create_schedule", props("Name") | _SCHEDULE),
    id="{Name}",
    attributes={"Arn": "arn:{partition}:scheduler:{region}:{account}:schedule/{GroupName}/{Name}"},
    steps=(Setting(Call("update_schedule", _SCHEDULE, {"Name": "{id}"}), at_creation=False, send_all=True),),
    delete=(Call("delete_schedule", by={"GroupName": "{GroupName}", "Name": "{id}"}),),
    immutable=frozenset({"GroupName", "Name"}),
    defaults={"GroupName": "default"},
)

SCHEDULE_GROUP = ResourceType(
    "AWS::Scheduler::ScheduleGroup",
    "scheduler",
    name=Name("Name", 64),
    create=Call("create_schedule_group", props("Name", "Tags")),
    id="{Name}",
    attributes={"Arn": "{ScheduleGroupArn}"},
    steps=(Tags("tag_resource", "untag_resource", {"ResourceArn": "{Arn}"}),),
    delete=(Call("delete_schedule_group", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
)

TYPES = (SCHEDULE, SCHEDULE_GROUP)
