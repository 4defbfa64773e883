"""Templates: intrinsic functions, the order of resources, and unsupported parts."""

import pytest

from millrace.local.cloudformation.api.templates import parse
from millrace.local.cloudformation.intrinsics import PseudoParameters, Resolver, UnsupportedIntrinsicError
from millrace.local.cloudformation.template import CircularDependencyError, Template, TemplateError
from millrace.local.core.errors import ApiError


class Queue:
    """One deployed queue, and one export and one output of another stack."""

    def ref(self, logical_id):
        return {"Queue": "https://queue"}[logical_id]

    def attribute(self, logical_id, attribute):
        return {("Queue", "Arn"): "arn:aws:sqs:eu-west-1:123456789012:orders"}[logical_id, attribute]

    def import_value(self, export):
        return {"Shop:Bus": "shop"}[export]

    def stack_output(self, stack, name):
        return {("Shop", "Bus"): "shop"}[stack, name]


BODY = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Conditions": {
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
    },
    "Mappings": {"Sizes": {"dev": {"Memory": 128}}},
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
}


@pytest.fixture
def resolver():
    return Resolver(Template(BODY), PseudoParameters("123456789012", "eu-west-1", "Shop"), Queue(), {"Stage": "dev"})


@pytest.fixture
def resolve(resolver):
    return lambda value: resolver.resolve(value, "Resources.X.Properties.Y")


def order(**resources):
    template = Template({"Resources": {name: {"Type": "T", **body} for name, body in resources.items()}})
    return [definition.logical_id for definition in template.in_dependency_order(template.resources.values())]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"Ref": "Queue"}, "https://queue"),
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "AWS::AccountId"}, "123456789012"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::StackName"}, "Shop"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:eu-west-1:123456789012:orders"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:eu-west-1:123456789012:orders"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3]]}, "a-dev-3"),
        ({"Fn::Sub": "${Stage}/${Queue}/${Queue.Arn}"}, "dev/https://queue/arn:aws:sqs:eu-west-1:123456789012:orders"),
        ({"Fn::Sub": ["${Own} in ${AWS::Region}", {"Own": {"Ref": "Stage"}}]}, "dev in eu-west-1"),
        ({"Fn::Sub": "${!Literal} ${Stage}"}, "${Literal} dev"),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::Split": [":", "a:b"]}, ["a", "b"]),
        ({"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["Queue", "Arn"]}]}]}, "orders"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 128),
        ({"Fn::FindInMap": ["Sizes", "prod", "Memory", {"DefaultValue": 256}]}, 256),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ImportValue": {"Fn::Sub": "Shop:Bus"}}, "shop"),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::If": ["IsDev", "small", {"Ref": "Gone"}]}, "small"),
        ({"Fn::If": ["IsProd", {"Ref": "Gone"}, {"Ref": "Stage"}]}, "dev"),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_intrinsic_function_returns_its_value(resolve, value, found):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""
    assert resolve(value) == found


@pytest.mark.parametrize(("name", "expected"), [("IsDev", True), ("IsProd", False), ("Both", False), ("Either", True)])
def test_condition_combines_its_parts(resolver, name, expected):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html"""
    assert resolver.condition(name) is expected


@pytest.mark.parametrize("region", [{}, {"Region": {"Ref": "AWS::Region"}}])
def test_output_of_another_stack_is_read(resolve, region):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html"""
    assert resolve({"Fn::GetStackOutput": {"StackName": "Shop", "OutputName": "Bus", **region}}) == "shop"


@pytest.mark.parametrize("foreign", [{"Region": "us-east-1"}, {"RoleArn": "arn:aws:iam::111122223333:role/Reader"}])
def test_output_of_another_region_or_account_is_refused(resolve, foreign):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
    Refused: outputs of another region or account.
    """
    with pytest.raises(UnsupportedIntrinsicError, match="of its own region only"):
        resolve({"Fn::GetStackOutput": {"StackName": "Shop", "OutputName": "Bus", **foreign}})


def test_no_value_removes_the_property_or_member(resolve):
    no_value = {"Fn::If": ["IsProd", "x", {"Ref": "AWS::NoValue"}]}
    assert resolve({"A": no_value, "B": [no_value, 1]}) == {"B": [1]}


@pytest.mark.parametrize("name", ["Fn::Transform", "Fn::Cidr", "Fn::ToJsonString", "Fn::Length"])
def test_unsupported_function_is_reported_with_its_location(resolve, name):
    with pytest.raises(
        UnsupportedIntrinsicError,
        match=rf"Properties\.Y\.A\[1\]: the local cloud does not support {name}",
    ):
        resolve({"A": ["fine", {name: []}]})


def test_unsupported_dynamic_reference_fails(resolve):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    Refused: all but those to Secrets Manager and the parameter store.
    """
    with pytest.raises(UnsupportedIntrinsicError, match=r"resolve:acm:"):
        resolve({"Key": "{{resolve:acm:key}}"})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Missing"}, "Missing is neither a deployed resource"),
        ({"Fn::GetAtt": ["Queue", "Size"]}, "has no attribute Size"),
        ({"Fn::ImportValue": "Nothing"}, "no stack exports Nothing"),
        ({"Fn::GetStackOutput": {"StackName": "Shop", "OutputName": "No"}}, "no stack Shop has an output No"),
        ({"Fn::FindInMap": ["Sizes", "prod", "Memory"]}, r"has no key prod\.Memory"),
        ({"Fn::Select": [3, ["a"]]}, "index 3 is out of range"),
        ({"Fn::If": ["Unknown", 1, 2]}, "no condition Unknown"),
    ],
)
def test_missing_value_is_named(resolve, value, message):
    with pytest.raises(TemplateError, match=message):
        resolve(value)


@pytest.mark.parametrize("section", ["Transform", "Hooks"])
def test_unsupported_section_fails(section):
    with pytest.raises(TemplateError, match=section):
        Template({section: "AWS::Serverless-2016-10-31"})


def test_rule_other_than_the_bootstrap_version_fails():
    with pytest.raises(TemplateError, match=r"Rules\.Mine"):
        Template({"Rules": {"CheckBootstrapVersion": {}, "Mine": {}}})


def test_unsupported_attribute_of_a_resource_fails():
    with pytest.raises(TemplateError, match=r"Resources\.Group: the attribute Hooks"):
        Template({"Resources": {"Group": {"Type": "T", "Hooks": {}}}})


def test_bootstrap_version_is_not_a_parameter():
    assert Template({"Parameters": {"BootstrapVersion": {}, "Stage": {}}}).parameters == {"Stage": {}}


def test_resources_are_sorted_by_dependency():
    found = order(
        A={"Properties": {"x": {"Fn::Sub": "${B.Arn}"}}},
        B={"Properties": {"x": [{"Fn::GetAtt": ["C", "Arn"]}, {"Ref": "D"}]}, "DependsOn": "E"},
        C={"DependsOn": ["D", "E"]},
        D={"Properties": {"x": {"Fn::If": ["Some", {"Fn::GetAtt": "E.Arn"}, ""]}}},
        E={},
    )
    assert found == ["E", "D", "C", "B", "A"]


def test_circular_dependency_between_resources_fails():
    with pytest.raises(CircularDependencyError, match=r"(A → B → A|B → A → B)\."):
        order(A={"Properties": {"x": {"Ref": "B"}}}, B={"DependsOn": "A"})


def test_variable_of_a_substitution_is_not_a_dependency():
    assert order(A={"Properties": {"x": {"Fn::Sub": ["${B}", {"B": "text"}]}}}, B={"DependsOn": "A"}) == ["A", "B"]


def test_construct_path_defaults_to_the_logical_id():
    metadata = {"Metadata": {"aws:cdk:path": "Shop/A/Resource"}}
    template = Template({"Resources": {"A": {"Type": "T", **metadata}, "B": {"Type": "T"}}})
    assert [template.construct_path(name) for name in "AB"] == ["Shop/A/Resource", "B"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Resources: {A: &a {Type: 'AWS::SQS::Queue'}, B: *a}", "YAML aliases are not allowed"), ("[" * 20_000, "format")],
)
def test_template_of_a_request_has_no_aliases_and_no_endless_depth(text, reason):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html"""
    with pytest.raises(ApiError, match=reason):
        parse(text)
