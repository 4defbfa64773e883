"""The CDK app, run in this folder by `cdk` and `millrace`.

Context: `stage` (a suffix of all names); `keep-tables` (yes, no); `encryption-key` (create: encrypt everything with a
new KMS key); `alarm-email` (an address for all alarms); `split` (yes: a stack per context); `sales` (yes: also
the stack of the Lambda architecture).
"""

from aws_cdk import App, RemovalPolicy

from infra.sales import Sales
from infra.shop import NAME, Shop
from millrace.constructs import staged

app = App(analytics_reporting=False)
keep = app.node.try_get_context("keep-tables") or "yes"
removal_policy = RemovalPolicy.RETAIN if keep == "yes" else RemovalPolicy.DESTROY
shop = Shop(
    app,
    staged(app, "Shop"),
    removal_policy=removal_policy,
    encryption_key=app.node.try_get_context("encryption-key"),
    alarm_topic=app.node.try_get_context("alarm-email"),
    split=app.node.try_get_context("split") == "yes",
)
if app.node.try_get_context("sales") == "yes":
    key = shop.bus.encryption_key
    sales = Sales(app, staged(app, "Sales"), bus=NAME, encryption_key=key, removal_policy=removal_policy)
    sales.add_stack_dependency(shop)
app.synth()
