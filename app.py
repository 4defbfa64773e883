"""The CDK app: `cdk synth`, `cdk deploy` and `millrace` run it in this folder."""

from aws_cdk import App, RemovalPolicy

from infra.shop import Shop

app = App(analytics_reporting=False)
kept = app.node.try_get_context("keep-tables") or "yes"
Shop(app, "Shop", removal=RemovalPolicy.RETAIN if kept == "yes" else RemovalPolicy.DESTROY)
app.synth()
