"""Each intrinsic function, the order of resources, and what is refused by name."""

import pytest

from millrace.local.cloudformation.intrinsics import Pseudo, Resolver, UnknownIntrinsic
from millrace.local.cloudformation.template import CircularDependency, Template, TemplateError


class Queue:
    """One resource that stands, and one export of another stack."""

    def ref(self, logical_id):
        return {"Queue": "https://queue"}[logical_id]

    def attribute(self, logical_id, attribute):
        return {("Queue", "Arn"): "arn:aws:sqs:eu-west-1:123456789012:orders"}[logical_id, attribute]

    def imported(self, export):
        return {"Shop:Bus": "shop"}[export]


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
    return Resolver(Template(BODY), Pseudo("123456789012", "eu-west-1", "Shop"), Queue(), {"Stage": "dev"})


@pytest.fixture
def resolve(resolver):
    return lambda value: resolver.resolve(value, "Resources.X.Properties.Y")


def order(**resources):
    template = Template({"Resources": {name: {"Type": "T", **body} for name, body in resources.items()}})
    return [entry.logical_id for entry in template.order(template.entries.values())]


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
def test_a_function_gives_what_cloudformation_gives(resolve, value, found):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""
    assert resolve(value) == found


@pytest.mark.parametrize(("name", "holds"), [("IsDev", True), ("IsProd", False), ("Both", False), ("Either", True)])
def test_a_condition_holds_as_its_parts_do(resolver, name, holds):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html"""
    assert resolver.condition(name) is holds


def test_no_value_takes_its_property_or_member_away(resolve):
    nothing = {"Fn::If": ["IsProd", "x", {"Ref": "AWS::NoValue"}]}
    assert resolve({"A": nothing, "B": [nothing, 1]}) == {"B": [1]}


@pytest.mark.parametrize("name", ["Fn::Transform", "Fn::Cidr", "Fn::ToJsonString", "Fn::Length"])
def test_an_unknown_function_is_refused_by_name_and_place(resolve, name):
    with pytest.raises(UnknownIntrinsic, match=rf"Resources\.X\.Properties\.Y\.A\[1\]: {name}"):
        resolve({"A": ["fine", {name: []}]})


def test_a_dynamic_reference_is_refused(resolve):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    Refused: by its name.
    """
    with pytest.raises(UnknownIntrinsic, match=r"resolve:ssm-secure"):
        resolve({"Key": "{{resolve:ssm-secure:key}}"})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nobody"}, "Nobody is no resource"),
        ({"Fn::GetAtt": ["Queue", "Size"]}, "has no Size"),
        ({"Fn::ImportValue": "Nothing"}, "no stack exports Nothing"),
        ({"Fn::FindInMap": ["Sizes", "prod", "Memory"]}, r"has no prod\.Memory"),
        ({"Fn::Select": [3, ["a"]]}, "no member 3"),
        ({"Fn::If": ["Unknown", 1, 2]}, "no condition Unknown"),
    ],
)
def test_what_is_not_there_is_named(resolve, value, message):
    with pytest.raises(TemplateError, match=message):
        resolve(value)


@pytest.mark.parametrize("section", ["Transform", "Hooks"])
def test_an_unknown_section_is_refused_by_name(section):
    with pytest.raises(TemplateError, match=section):
        Template({section: "AWS::Serverless-2016-10-31"})


def test_a_rule_of_the_template_is_refused_but_the_one_of_bootstrapping():
    with pytest.raises(TemplateError, match=r"Rules\.Mine"):
        Template({"Rules": {"CheckBootstrapVersion": {}, "Mine": {}}})


def test_an_unknown_key_of_a_resource_is_refused_by_name():
    with pytest.raises(TemplateError, match=r"Resources\.Group\.UpdatePolicy"):
        Template({"Resources": {"Group": {"Type": "T", "UpdatePolicy": {}}}})


def test_the_bootstrap_version_is_no_parameter():
    assert Template({"Parameters": {"BootstrapVersion": {}, "Stage": {}}}).parameters == {"Stage": {}}


def test_a_resource_comes_after_those_it_refers_to():
    found = order(
        A={"Properties": {"x": {"Fn::Sub": "${B.Arn}"}}},
        B={"Properties": {"x": [{"Fn::GetAtt": ["C", "Arn"]}, {"Ref": "D"}]}, "DependsOn": "E"},
        C={"DependsOn": ["D", "E"]},
        D={"Properties": {"x": {"Fn::If": ["Some", {"Fn::GetAtt": "E.Arn"}, ""]}}},
        E={},
    )
    assert found == ["E", "D", "C", "B", "A"]


def test_resources_that_wait_for_each_other_are_named():
    with pytest.raises(CircularDependency, match=r"(A → B → A|B → A → B)\."):
        order(A={"Properties": {"x": {"Ref": "B"}}}, B={"DependsOn": "A"})


def test_a_name_of_its_own_in_a_substitution_is_no_dependency():
    assert order(A={"Properties": {"x": {"Fn::Sub": ["${B}", {"B": "text"}]}}}, B={"DependsOn": "A"}) == ["A", "B"]


def test_the_path_of_a_construct_is_the_logical_id_where_nobody_knows_it():
    metadata = {"Metadata": {"aws:cdk:path": "Shop/A/Resource"}}
    template = Template({"Resources": {"A": {"Type": "T", **metadata}, "B": {"Type": "T"}}})
    assert [template.path(name) for name in "AB"] == ["Shop/A/Resource", "B"]
