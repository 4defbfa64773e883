"""Alarms and dashboards.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudWatch.html
"""

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_ARN = "arn:{partition}:cloudwatch:{region}:{account}:alarm:{AlarmName}"
_ACTIONS = ("ActionsEnabled", "AlarmActions", "AlarmDescription", "InsufficientDataActions", "OKActions")
_ALARM = props(
    *_ACTIONS,
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "MetricName",
    "Metrics",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
)
_ALARM_NAME = {"AlarmName": "{id}"}
_TAGS = Tags("tag_resource", "untag_resource", {"ResourceARN": "{Arn}"})
_DELETE = (Call("delete_alarms", by={"AlarmNames": "{id}"}),)

ALARM = ResourceType(
    "AWS::CloudWatch::Alarm",
    "cloudwatch",
    name=Name("AlarmName", 255),
    create=Call("put_metric_alarm", props("AlarmName", "Tags") | _ALARM),
    id="{AlarmName}",
    attributes={"Arn": _ARN},
    steps=(Setting(Call("put_metric_alarm", _ALARM, _ALARM_NAME), at_creation=False, send_all=True), _TAGS),
    delete=_DELETE,
    immutable=frozenset({"AlarmName"}),
)

_NO_COMPOSITE_ALARMS = "moto has no PutCompositeAlarm; the alarm is stored with the stack only"

COMPOSITE_ALARM = ResourceType(
    "AWS::CloudWatch::CompositeAlarm",
    "cloudwatch",
    name=Name("AlarmName", 255),
    create=None,
    id="{AlarmName}",
    attributes={"Arn": _ARN},
    immutable=frozenset({"AlarmName"}),
    not_in_moto=dict.fromkeys(
        (
            *_ACTIONS,
            "ActionConfiguration",
            "ActionsSuppressor",
            "ActionsSuppressorExtensionPeriod",
            "ActionsSuppressorWaitPeriod",
            "AlarmRule",
            "Tags",
        ),
        _NO_COMPOSITE_ALARMS,
    ),
)

DASHBOARD = ResourceType(
    "AWS::CloudWatch::Dashboard",
    "cloudwatch",
    name=Name("DashboardName", 255),
    create=Call("put_dashboard", props("DashboardBody", "DashboardName")),
    id="{DashboardName}",
    steps=(
        Setting(
            Call("put_dashboard", {"DashboardBody": Argument("DashboardBody")}, {"DashboardName": "{id}"}),
            at_creation=False,
        ),
    ),
    delete=(Call("delete_dashboards", by={"DashboardNames": "{id}"}),),
    immutable=frozenset({"DashboardName"}),
    not_in_moto={"Tags": "moto's PutDashboard drops them"},
)

TYPES = (ALARM, COMPOSITE_ALARM, DASHBOARD)
