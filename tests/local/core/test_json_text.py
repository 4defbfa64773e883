"""Errors of JSON texts, in the words of AWS's parser."""

import json

import pytest

from millrace.local.core.json_text import jackson_error, jackson_source

VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("not a definition", f"Unrecognized token 'not': was expecting {VALUES}", 4),
        ("{invalid}", "Unexpected character ('i' (code 105)): was expecting double-quote to start field name", 3),
        ('{"a": }', f"Unexpected character ('}}' (code 125)): expected a valid value {VALUES}", 8),
        ('{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 7),
        ('{"a": 1 2}', "Unexpected character ('2' (code 50)): was expecting comma to separate Object entries", 10),
    ],
)
def test_error_of_a_text_has_the_words_and_the_column_of_jackson(text, message, column):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html"""
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads(text)
    assert jackson_error(text, raised.value) == message
    assert jackson_source(text, raised.value) == f'[Source: (String)"{text}"; line: 1, column: {column}]'
