"""The batch layer: a scheduled state machine that computes the views of each day from the whole archive.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from typing import Any, Unpack, cast

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.bus.rules import RULE_ATTEMPTS, RULE_HOURS
from millrace.constructs.failure.dead_letters import dead_letter_queue, failed_execution_rule
from millrace.constructs.function.function import Function, function_metadata
from millrace.constructs.function.handlers import declared_batch_view
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.layers.speed_view import SpeedView
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import grant_table_actions
from millrace.constructs.workflow.machine import machine_name, standard_machine
from millrace.constructs.workflow.steps import invoke
from millrace.runtime import Declaration
from millrace.runtime.batch_views import BATCH
from millrace.runtime.layers.views import serving_variable

_LONGEST_WRITER = Duration.minutes(15)
"""The maximum timeout of a function: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_DAYS = "days"


class BatchView(Construct):
    """The @batch_view of `functions/<function>/handler.py` with its state machine and schedule.

    speed: Whose archive it reads.
    cron: When it runs, in `time_zone`; each night at 3:00 UTC by default.
    max_concurrency: Days that are computed at the same time.
    tolerated_failure_percentage: Days that may fail; they keep their earlier view and their speed views. If more fail,
        the execution is sent to the dead-letter queue, and a redrive computes the failed days alone.

    Pass it to a query by the name of its parameter: `tables={"sales": batch}` for `sales: ServingView`.
    """

    parameter_type = "ServingView"

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        speed: SpeedView,
        function: str,
        cron: str = "0 3 * * ? *",
        time_zone: str = "UTC",
        max_concurrency: int = 10,
        tolerated_failure_percentage: float = 0,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self._speed = speed
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        self.function = self._function(bus, function, settings)
        flow = self._flow(max_concurrency, tolerated_failure_percentage)
        self.state_machine = standard_machine(self, flow, bus)
        self._allow_map_run()
        failed_execution_rule(self, self.state_machine, self.dead_letters, bus.encryption_key, bus.dead_letters)
        self._add_metadata(bus)
        self._schedule(bus, cron, time_zone)
        alarms = Alarms(self, bus.alarm_topic)
        alarms.dead_letters(self.dead_letters)
        alarms.machine(self.state_machine)
        alarms.function(self.function.function)

    def environment(self, parameter: str) -> dict[str, str]:
        """Return the environment variable by which a handler finds the views."""
        return {serving_variable(parameter): self._speed.table.table_name}

    def grant(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:  # noqa: ARG002
        """Allow a handler to read views."""
        grant_table_actions(role, self._speed.table, "GetItem", "Query")

    def _function(self, bus: Bus, name: str, settings: Settings) -> Function:
        declared_batch_view(name)
        worker = Function(
            self,
            "Function",
            name=name,
            folder=name,
            metadata=function_metadata("batch-view", self, [], []),
            environment={BATCH: self._speed.address},
            settings={"timeout": _LONGEST_WRITER, "memory_size": 1024, **settings},
            key=bus.encryption_key,
        )
        self._speed.grant_batch(worker.role)
        reason = "Its state machine invokes it synchronously; failed executions go to the dead-letter queue."
        acknowledge(worker.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(worker.function, "The concurrency of its Map state limits it.", "CKV_AWS_115")
        return worker

    def _flow(self, max_concurrency: int, tolerated: float) -> sfn.IChainable:
        """Close a generation, wait until no writer can still write to it, and compute each day."""
        close = invoke(self, "close", self.function, {})
        wait = sfn.Wait(self, "wait for writers", time=sfn.WaitTime.duration(_LONGEST_WRITER))
        days = sfn.DistributedMap(
            self,
            _DAYS,
            label=_DAYS,
            items_path=f"$.{_DAYS}",
            item_selector={"run.$": "$.run", "day.$": "$$.Map.Item.Value"},
            max_concurrency=max_concurrency,
            tolerated_failure_percentage=tolerated,
            map_execution_type=sfn.StateMachineType.STANDARD,
            result_path=sfn.JsonPath.DISCARD,
        )
        payload = {"run.$": "$.run", "day.$": "$.day"}
        days.item_processor(invoke(self, "compute", self.function, payload))
        listed = invoke(self, "list", self.function, {"run.$": "$.run"})
        chain: sfn.Chain = close.next(wait).next(listed).next(days)
        return chain

    def _allow_map_run(self) -> None:
        """Allow the state machine to start, describe, stop and redrive the child executions of its Map state.

        https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
        """
        stack, name = Stack.of(self), machine_name(self)
        executions, children = f"execution:{name}:*", f"execution:{name}/{_DAYS}:*"
        prefix = f"arn:{stack.partition}:states:{stack.region}:{stack.account}"
        for actions, resources in (
            (["states:StartExecution"], [f"stateMachine:{name}"]),
            (["states:DescribeExecution", "states:StopExecution"], [executions, children]),
            (["states:RedriveExecution"], [children]),
        ):
            arns = [f"{prefix}:{resource}" for resource in resources]
            self.state_machine.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=arns))
        region, account = _in_finding(stack.region, "Region"), _in_finding(stack.account, "AccountId")
        found = f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:{region}:{account}"
        reason = "Step Functions names the executions of a state machine and of its Map Runs."
        acknowledge(self.state_machine.role, reason, f"{found}:{executions}]", f"{found}:{children}]")

    def _add_metadata(self, bus: Bus) -> None:
        """Add metadata for the flow checker, and for the CLI, which lists and redrives failed executions."""
        resource = cast("sfn.CfnStateMachine", self.state_machine.node.default_child)
        records = bus.idempotency.table.table_name
        resource.add_metadata("millrace", {"construct": self.node.path, "records": records, "kind": "batch-view"})

    def _schedule(self, bus: Bus, cron: str, time_zone: str) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/dg/using-eventbridge-scheduler.html."""
        own: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=own)
        role = iam.Role(self, "ScheduleRole", assumed_by=principal)
        self.state_machine.grant_start_execution(role)
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn]))
        for service in ("sqs", "states"):
            grant_key(bus.encryption_key, role, service, WRITE_ACTIONS)
        properties = scheduler.CfnSchedule
        schedule = properties(
            self,
            "Schedule",
            schedule_expression=f"cron({cron})",
            schedule_expression_timezone=time_zone,
            flexible_time_window=properties.FlexibleTimeWindowProperty(mode="OFF"),
            target=properties.TargetProperty(
                arn=self.state_machine.state_machine_arn,
                role_arn=role.role_arn,
                input="{}",
                dead_letter_config=properties.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                retry_policy=properties.RetryPolicyProperty(
                    maximum_retry_attempts=RULE_ATTEMPTS, maximum_event_age_in_seconds=RULE_HOURS * 3600
                ),
            ),
        )
        declaration: dict[str, list[str]] = {"consumes": [], "publishes": []}
        schedule.add_metadata("millrace", {"construct": self.node.path, "declaration": declaration})


def _in_finding(value: str, parameter: str) -> str:
    """Return a region or account as cdk-nag writes it."""
    return f"<AWS::{parameter}>" if Token.is_unresolved(value) else value
