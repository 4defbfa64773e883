import pytest
from asl_kit import data, failure, path

from millrace.local.services.stepfunctions.interpreter.expressions import select, write
from millrace.local.services.stepfunctions.interpreter.expressions.paths import compile_path

ITEMS = {
    "items": [{"n": 1, "k": "x"}, {"n": 2}, {"n": 3, "k": "y"}],
    "a.b": 1,
    "it's": 2,
    'q"': 3,
    "é": 4,
    "null": None,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$.items[1].n", 2),
        ("$['items'][-1]['n']", 3),
        ("$['a.b']", 1),
        (r"$['it\'s']", 2),
        (r'$["q\""]', 3),
        ("$.é", 4),
        ("$.null", None),
        ("$$.State.Name", "It"),
        ("$order.id", "o-1"),
        ("$order", {"id": "o-1"}),
    ],
)
def test_reference_path_selects_one_node(expression, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
    Recorded on AWS: quoted names have escapes.
    """
    assert path(expression, ITEMS, order={"id": "o-1"}) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$.items[*].n", [1, 2, 3]),
        ("$.items[0:2].n", [1, 2]),
        ("$.items[?(@.n > 1)].n", [2, 3]),
        ("$.items[?(@.n > 1 && @.k == 'y')].n", [3]),
        ("$.items[?(@.n > 9)]", []),
        ("$..k", ["x", "y"]),
        ("$.items[0,2].k", ["x", "y"]),
        ("$.nothing[*].n", []),
    ],
)
def test_path_with_operators_selects_a_list(expression, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html"""
    assert path(expression, ITEMS) == value


@pytest.mark.parametrize("text", ["x", "", "$x y", "$.", "$.a[", "$.a[?(", "$.a.length()", "$" + "[" * 5000])
def test_text_that_is_no_path_is_refused(text):
    """https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html"""
    with pytest.raises(ValueError, match="is not a JSONPath"):
        compile_path(text)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$.none", "No results for path: $['none']"),
        ("$.none.more", "Missing property in path $['none']"),
        ("$.items.length", "Property ['length'] not found in path $['items']"),
        ("$.items[9]", "No results for path: $['items'][9]"),
        ("$.é[0]", "Filter: [0] can only be applied to arrays. Current context is: 4"),
    ],
)
def test_input_path_that_selects_nothing_fails_the_execution(expression, reason):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    Recorded on AWS: the error is States.Runtime, and the reason is that of its JSONPath library.
    """
    assert failure(select, expression, data(ITEMS)) == ("States.Runtime", f"Invalid path '{expression}' : {reason}")


def test_path_of_a_payload_template_that_selects_nothing_fails_the_execution():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    Recorded on AWS, as is the compact JSON of the input.
    """
    where = "specified for the field 'it.$' could not be found in the input '{\"a\":1}'"
    assert failure(path, "$.b.c", {"a": 1}) == ("States.Runtime", f"The JSONPath '$.b.c' {where}")
    assert "'$gone'" in failure(path, "$gone.x")[1]


def test_null_as_input_path_selects_an_empty_object():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html"""
    assert (select(None, data([1])), select("$", data([1]))) == ({}, [1])


@pytest.mark.parametrize(
    ("target", "given", "output"),
    [
        ("$", {"a": 1}, "new"),
        (None, {"a": 1}, {"a": 1}),
        ("$.a", {"a": 1, "b": 2}, {"a": "new", "b": 2}),
        ("$.x.y", {"a": 1}, {"a": 1, "x": {"y": "new"}}),
        ("$['x.y']", {}, {"x.y": "new"}),
        ("$.a[1]", {"a": [1, 2]}, {"a": [1, "new"]}),
    ],
)
def test_result_path_places_the_result_in_the_input(target, given, output):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html"""
    before = repr(given)
    assert write(target, given, "new") == output
    assert repr(given) == before


@pytest.mark.parametrize(("target", "given"), [("$.a", [1]), ("$.a.b", {"a": "text"}), ("$.a[5]", {"a": [1]})])
def test_result_path_that_does_not_fit_the_input_fails_the_execution(target, given):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error, cause = failure(write, target, given, "new")
    assert error == "States.ResultPathMatchFailure"
    assert cause.startswith("Unable to apply step")
