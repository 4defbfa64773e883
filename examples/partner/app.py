"""A supplier of the shop: an app of its own, deployed after the shop, which knows nothing of it."""

from aws_cdk import App

from infra.supplier import Supplier

app = App(analytics_reporting=False)
Supplier(app, "Supplier", webhook=app.node.try_get_context("webhook"))
app.synth()
