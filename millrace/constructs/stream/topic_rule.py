"""An IoT Core topic rule that puts messages of sensors into the stream of a stream processor.

https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-rule-action.html
"""

from aws_cdk import Names, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from millrace.constructs.function.project import record_source_location
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.stream.sources import StreamSourceError
from millrace.constructs.stream.stream_processor import StreamProcessor

_MAX_NAME = 128
_SQL = "SELECT * FROM '{}'"


class TopicRule(Construct):
    """Puts each message of the topics of `topic_filter` into the stream of a processor.

    partition_key: The key of the reading in the message, as `"${order_id}"` or `"${topic(2)}"`.
    Messages that cannot be put go to the dead-letter queue of the processor.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        processor: StreamProcessor,
        topic_filter: str,
        partition_key: str,
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        if processor.stream is None:
            raise StreamSourceError(f"TopicRule {self.node.path}: {processor.node.path} reads no Kinesis stream.")
        if not topic_filter or "'" in topic_filter:
            raise StreamSourceError(f"TopicRule {self.node.path}: {topic_filter!r} is no topic filter: write a/+/b.")
        name = Names.unique_resource_name(self, max_length=_MAX_NAME, separator="_")
        role = self._role(name)
        processor.grant_put(role)
        processor.grant_dead_letters(role)
        kinesis = iot.CfnTopicRule.KinesisActionProperty(
            role_arn=role.role_arn, stream_name=processor.stream.stream_name, partition_key=partition_key
        )
        failed = iot.CfnTopicRule.SqsActionProperty(
            role_arn=role.role_arn, queue_url=processor.dead_letters.queue_url, use_base64=False
        )
        rule = iot.CfnTopicRule(
            self,
            "Rule",
            rule_name=name,
            topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
                sql=_SQL.format(topic_filter),
                aws_iot_sql_version="2016-03-23",
                actions=[iot.CfnTopicRule.ActionProperty(kinesis=kinesis)],
                error_action=iot.CfnTopicRule.ActionProperty(sqs=failed),
            ),
        )
        rule.node.add_dependency(role)  # also on its policy, without which the first messages would be lost
        acknowledge(rule, "CDK adds the dependency on the role and its policies.", "W3005")

    def _role(self, rule: str) -> iam.Role:
        """Create a role that IoT can assume for this rule only.

        https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html
        """
        stack = Stack.of(self)
        arn = stack.format_arn(service="iot", resource="rule", resource_name=rule)
        own = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": arn}}
        return iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("iot.amazonaws.com", conditions=own))
