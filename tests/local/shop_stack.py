"""A stack by aws-cdk-lib that has every type of resource which the kit's constructs make, and their neighbours."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

GONE = cdk.RemovalPolicy.DESTROY


def synthesise(folder, code, layer):
    app = cdk.App(outdir=str(folder))
    Shop(app, "Shop", str(code), str(layer))
    app.synth()


class Shop(cdk.Stack):
    def __init__(self, scope, name, code, layer):
        super().__init__(scope, name)
        cdk.Tags.of(self).add("team", "mill")
        self.key = kms.Key(self, "Key", enable_key_rotation=True, description="The shop's key", alias="shop")
        self.dead = sqs.Queue(self, "Dead", enforce_ssl=True, encryption_master_key=self.key)
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_asset(layer),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            description="What it needs",
        )
        self.storage()
        self.buses()
        self.functions(code)
        self.machine()
        self.watching()
        self.neighbours()

    def storage(self):
        number = dynamodb.Attribute(name="version", type=dynamodb.AttributeType.NUMBER)
        text = dynamodb.Attribute(name="stream", type=dynamodb.AttributeType.STRING)
        recovery = dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)
        self.store = dynamodb.TableV2(
            self,
            "Store",
            partition_key=text,
            sort_key=number,
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=recovery,
            deletion_protection=False,
            removal_policy=GONE,
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(index_name="by_version", partition_key=number)
            ],
        )
        self.view = dynamodb.Table(
            self,
            "View",
            partition_key=text,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=recovery,
            stream=dynamodb.StreamViewType.KEYS_ONLY,
            removal_policy=GONE,
        )
        self.view.add_global_secondary_index(index_name="by_version", partition_key=number)

    def buses(self):
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name="shop",
            description="All that happens",
            kms_key=self.key,
            dead_letter_queue=self.dead,
        )
        self.bus.archive(
            "Archive",
            event_pattern=events.EventPattern(account=[self.account]),
            retention=cdk.Duration.days(7),
            description="A week",
        )
        self.bus.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Partner",
                principals=[iam.AccountPrincipal("111122223333")],
                actions=["events:PutEvents"],
                resources=[self.bus.event_bus_arn],
            )
        )
        caught = logs.LogGroup(self, "Caught", log_group_name="/aws/events/shop", removal_policy=GONE)
        events.CfnRule(
            self,
            "CatchAll",
            event_bus_name=self.bus.event_bus_name,
            description="Everything",
            state="DISABLED",
            event_pattern={"source": [{"prefix": "shop"}]},
            targets=[events.CfnRule.TargetProperty(id="log", arn=caught.log_group_arn)],
        )
        logs.CfnResourcePolicy(
            self, "EventsMayLog", policy_name="events", policy_document='{"Version": "2012-10-17", "Statement": []}'
        )

    def functions(self, code):
        queue = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=cdk.Duration.seconds(60),
            retention_period=cdk.Duration.days(2),
            receive_message_wait_time=cdk.Duration.seconds(5),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=3, queue=self.dead),
            enforce_ssl=True,
        )
        ordered = sqs.Queue(self, "Ordered", fifo=True, content_based_deduplication=True, enforce_ssl=True)
        self.function = lambda_.Function(
            self,
            "Function",
            code=lambda_.Code.from_asset(code),
            handler="handler.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            layers=[self.layer],
            architecture=lambda_.Architecture.ARM_64,
            tracing=lambda_.Tracing.ACTIVE,
            environment={"TABLE": self.view.table_name},
            timeout=cdk.Duration.seconds(10),
            memory_size=256,
            description="Awards points",
            reserved_concurrent_executions=5,
            ephemeral_storage_size=cdk.Size.gibibytes(1),
            logging_format=lambda_.LoggingFormat.JSON,
            dead_letter_queue=self.dead,
            log_group=logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_WEEK, removal_policy=GONE),
        )
        self.store.grant_read_write_data(self.function)
        self.bus.grant_put_events_to(self.function)
        self.function.role.add_managed_policy(
            iam.ManagedPolicy.from_aws_managed_policy_name("AWSXRayDaemonWriteAccess")
        )
        self.function.add_event_source(
            sources.SqsEventSource(
                queue,
                batch_size=5,
                max_batching_window=cdk.Duration.seconds(1),
                report_batch_item_failures=True,
                max_concurrency=4,
                filters=[lambda_.FilterCriteria.filter({"body": {"kind": lambda_.FilterRule.is_equal("x")}})],
            )
        )
        self.function.add_event_source(
            sources.DynamoEventSource(
                self.store,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                bisect_batch_on_error=True,
                retry_attempts=3,
                max_record_age=cdk.Duration.hours(1),
                on_failure=sources.SqsDlq(self.dead),
            )
        )
        self.function.configure_async_invoke(
            on_failure=destinations.SqsDestination(self.dead), retry_attempts=1, max_event_age=cdk.Duration.hours(1)
        )
        lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
        self.rules(queue, ordered)

    def rules(self, queue, ordered):
        placed = events.EventPattern(source=["shop.orders"], detail_type=["OrderPlaced"])
        safe = {"dead_letter_queue": self.dead, "max_event_age": cdk.Duration.hours(2), "retry_attempts": 7}
        message = events.RuleTargetInput.from_object({"order": events.EventField.from_path("$.detail")})
        queued = events.Rule(self, "Queued", event_bus=self.bus, event_pattern=placed)
        queued.add_target(targets.SqsQueue(queue, message=message, **safe))
        queued.add_target(targets.SqsQueue(ordered, message_group_id="one"))
        direct = events.Rule(self, "Direct", event_bus=self.bus, event_pattern=placed)
        direct.add_target(targets.LambdaFunction(self.function, **safe))
        self.direct = direct
        events.Rule(
            self, "Daily", schedule=events.Schedule.rate(cdk.Duration.days(1)), description="Each day"
        ).add_target(targets.LambdaFunction(self.function, event=events.RuleTargetInput.from_object({"day": True})))

    def machine(self):
        invoke = tasks.LambdaInvoke(self, "Invoke", lambda_function=self.function)
        machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(invoke.next(sfn.Succeed(self, "Done"))),
            state_machine_type=sfn.StateMachineType.EXPRESS,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(self, "MachineLog", removal_policy=GONE),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
        )
        self.direct.add_target(targets.SfnStateMachine(machine, dead_letter_queue=self.dead))
        sfn.StateMachine(
            self,
            "Substituted",
            definition_body=sfn.DefinitionBody.from_string(
                '{"StartAt": "End", "States": {"End": {"Type": "${kind}"}}}'
            ),
            definition_substitutions={"kind": "Succeed"},
        )

    def watching(self):
        alarm = cloudwatch.Alarm(
            self,
            "DeadLetters",
            metric=self.dead.metric_approximate_number_of_messages_visible(period=cdk.Duration.minutes(1)),
            threshold=1,
            evaluation_periods=2,
            datapoints_to_alarm=1,
            alarm_description="Something was given up",
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        errors = cloudwatch.MathExpression(
            expression="errors / calls",
            using_metrics={"errors": self.function.metric_errors(), "calls": self.function.metric_invocations()},
        )
        cloudwatch.Alarm(self, "ErrorRate", metric=errors, threshold=0.1, evaluation_periods=1)
        cloudwatch.CompositeAlarm(
            self, "Any", alarm_rule=cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
        )
        cloudwatch.Dashboard(self, "Board", dashboard_name="shop", widgets=[[cloudwatch.TextWidget(markdown="Shop")]])
        logs.MetricFilter(
            self,
            "Errors",
            log_group=logs.LogGroup(self, "Filtered", removal_policy=GONE),
            filter_pattern=logs.FilterPattern.literal("ERROR"),
            metric_namespace="Shop",
            metric_name="Errors",
        )

    def neighbours(self):
        topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=self.key, display_name="Shop")
        allowed = sns.SubscriptionFilter.string_filter(allowlist=["order"])
        topic.add_subscription(
            subscriptions.SqsSubscription(self.dead, raw_message_delivery=True, filter_policy={"kind": allowed})
        )
        stream = kinesis.Stream(self, "Stream", shard_count=2, retention_period=cdk.Duration.hours(48))
        self.function.add_event_source(
            sources.KinesisEventSource(
                stream,
                starting_position=lambda_.StartingPosition.LATEST,
                tumbling_window=cdk.Duration.seconds(30),
                parallelization_factor=2,
            )
        )
        self.direct.add_target(targets.KinesisStream(stream, partition_key_path="$.detail.data.order_id"))
        s3.Bucket(
            self,
            "Bucket",
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            versioned=True,
            lifecycle_rules=[s3.LifecycleRule(id="soon", expiration=cdk.Duration.days(3), prefix="claims/")],
            cors=[s3.CorsRule(allowed_methods=[s3.HttpMethods.GET], allowed_origins=["*"], max_age=60)],
            removal_policy=GONE,
        )
        ssm.StringParameter(self, "Name", parameter_name="/shop/bus", string_value=self.bus.event_bus_arn)
        authorization = events.Authorization.api_key("key", cdk.SecretValue.unsafe_plain_text("value"))
        connection = events.Connection(self, "Connection", authorization=authorization, description="The carrier")
        outside = events.ApiDestination(
            self,
            "Carrier",
            connection=connection,
            endpoint="https://example.com/shipments",
            http_method=events.HttpMethod.POST,
            rate_limit_per_second=5,
        )
        self.direct.add_target(targets.ApiDestination(outside))
        may_read = iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])
        iam.ManagedPolicy(self, "Readers", statements=[may_read], roles=[self.function.role], description="May read")
