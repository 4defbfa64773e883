"""Mapping templates of REST APIs."""

from types import SimpleNamespace

import pytest

from millrace.local.services.apigateway.templates import render

CALL = SimpleNamespace(context=dict, stage=SimpleNamespace(variables={}), query={}, parameters={}, request=None)


@pytest.mark.parametrize(
    "template",
    [
        "$input.__class__",
        "$input._call",
        "$util.parseJson.__func__.__globals__",
        "$input.path.__globals__.get('json')",
        "#set($code = 'x')$code.__class__.__mro__",
        '#set($code = "{0.path.__func__.__globals__}")$code.format($input)',
    ],
)
def test_a_template_reads_no_attribute_of_python(template):
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html"""
    shown = template.partition(")")[2] if template.startswith("#set") else template
    assert render(template, CALL, "{}")[0] == shown


def test_a_template_reads_members_that_begin_with_an_underscore():
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html"""
    assert render("$input.path('$')._id $input.path('$').format", CALL, '{"_id": 1, "format": "pdf"}')[0] == "1 pdf"
