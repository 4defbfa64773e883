"""A supplier of the shop: a separate app that is deployed after the shop, without changes to the shop."""

from aws_cdk import App

from infra.supplier import Supplier

app = App(analytics_reporting=False)
Supplier(app, "Supplier", webhook=app.node.try_get_context("webhook"))
app.synth()
