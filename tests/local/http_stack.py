"""A CDK stack with an HTTP API, a schedule, a schema and a secret."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_events as events
from aws_cdk import aws_eventschemas as schemas
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs


def synthesise(folder, source, issuer):
    app = cdk.App(outdir=str(folder))
    Shop(app, "Shop", source, issuer)
    app.synth()


class Shop(cdk.Stack):
    def __init__(self, scope, name, source, issuer):
        super().__init__(scope, name)
        cdk.Tags.of(self).add("team", "mill")
        self.echo = lambda_.Function(
            self,
            "Echo",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(source),
        )
        self.api(issuer)
        self.schedules()
        self.registry()
        self.secrets()

    def api(self, issuer):
        jwt = authorizers.HttpJwtAuthorizer("Jwt", issuer, jwt_audience=["shop"])
        to_echo = integrations.HttpLambdaIntegration("Echo", self.echo, timeout=cdk.Duration.seconds(20))
        api = apigateway.HttpApi(
            self,
            "Api",
            description="The API",
            cors_preflight=apigateway.CorsPreflightOptions(
                allow_origins=["https://shop.example"],
                allow_methods=[apigateway.CorsHttpMethod.ANY],
                allow_headers=["authorization"],
                max_age=cdk.Duration.minutes(1),
            ),
            create_default_stage=False,
        )
        apigateway.HttpStage(
            self,
            "Stage",
            http_api=api,
            auto_deploy=True,
            description="All",
            throttle=apigateway.ThrottleSettings(rate_limit=100, burst_limit=20),
        )
        get = [apigateway.HttpMethod.GET]
        api.add_routes(path="/orders/{id}", methods=get, integration=to_echo)
        api.add_routes(
            path="/mine", methods=get, integration=to_echo, authorizer=jwt, authorization_scopes=["orders:read"]
        )
        api.add_routes(path="/signed", methods=get, integration=to_echo, authorizer=authorizers.HttpIamAuthorizer())
        cdk.CfnOutput(self, "Endpoint", value=api.api_endpoint)

    def schedules(self):
        group = scheduler.ScheduleGroup(self, "Group", schedule_group_name="shop")
        dead = sqs.Queue(self, "Dead")
        scheduler.Schedule(
            self,
            "Nightly",
            schedule=scheduler.ScheduleExpression.cron(hour="2", minute="30", time_zone=cdk.TimeZone.EUROPE_BERLIN),
            target=targets.LambdaInvoke(
                self.echo, dead_letter_queue=dead, input=scheduler.ScheduleTargetInput.from_text("night")
            ),
            schedule_group=group,
            description="Each night",
            time_window=scheduler.TimeWindow.flexible(cdk.Duration.minutes(10)),
        )

    def registry(self):
        registry = schemas.CfnRegistry(self, "Registry", registry_name="shop", description="All events")
        schemas.CfnSchema(
            self,
            "OrderPlaced",
            registry_name=registry.attr_registry_name,
            schema_name="shop.orders@OrderPlaced",
            type="JSONSchemaDraft4",
            content='{"type": "object"}',
        )

    def secrets(self):
        key = secrets.Secret(
            self,
            "Key",
            description="The webhook's",
            generate_secret_string=secrets.SecretStringGenerator(
                secret_string_template='{"user": "shop"}', generate_string_key="key", exclude_punctuation=True
            ),
        )
        events.Connection(
            self, "Connection", authorization=events.Authorization.api_key("X-Key", key.secret_value_from_json("key"))
        )
