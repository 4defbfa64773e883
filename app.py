"""The CDK app, run in this folder by `cdk` and `millrace`.

Context: `stage` (a suffix of all names); `keep-tables` (yes, no); `encryption-key` (create: encrypt everything with a
new KMS key); `split` (yes: a stack per context).
"""

from aws_cdk import App, RemovalPolicy

from infra.shop import Shop
from millrace.constructs import staged

app = App(analytics_reporting=False)
keep = app.node.try_get_context("keep-tables") or "yes"
Shop(
    app,
    staged(app, "Shop"),
    removal_policy=RemovalPolicy.RETAIN if keep == "yes" else RemovalPolicy.DESTROY,
    encryption_key=app.node.try_get_context("encryption-key"),
    split=app.node.try_get_context("split") == "yes",
)
app.synth()
