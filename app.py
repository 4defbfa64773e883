"""The CDK app: `cdk synth`, `cdk deploy` and `millrace` run it in this folder.

Its context: `keep-tables` (yes, no) and `encryption-key` (own: everything is encrypted under a key of the shop's own).
"""

from aws_cdk import App, RemovalPolicy

from infra.shop import Shop

app = App(analytics_reporting=False)
kept = app.node.try_get_context("keep-tables") or "yes"
Shop(
    app,
    "Shop",
    removal=RemovalPolicy.RETAIN if kept == "yes" else RemovalPolicy.DESTROY,
    encryption_key=app.node.try_get_context("encryption-key"),
)
app.synth()
