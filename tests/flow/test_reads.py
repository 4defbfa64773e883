"""The fields of an event that a handler reads, from its syntax."""

import textwrap
from dataclasses import dataclass

import pytest

from millrace.events import Event
from millrace.flow.reads import SELF, covers, fields_read


class Cup(Event, source="tea.kitchen"):
    colour: str
    owner: str


@dataclass
class Kettle:
    """A class outside the package."""

    def fill(self, given): ...


def fill(cup: Cup) -> str:
    return cup.colour


def again(cup: Cup, times: int) -> str:
    return again(cup, times - 1) if times else cup.owner


def passes_on(cup):
    return fill(cup)


def passes_on_by_name(cup):
    return again(times=1, cup=cup)


def gives_away(cup):
    return Kettle().fill(cup)


def prints(cup):
    return f"{cup}"


def calls_a_method(cup):
    return cup.model_dump()


def keeps_another_name(cup):
    other = cup
    return other.colour


def calls_with_a_star(cup):
    return fill(*[cup])


@pytest.fixture
def read(tmp_path, monkeypatch):
    """The paths that a function with the parameter `e` and a given body reads."""

    def read(body, *, many=False):
        source = "def handler(e, keys, others):\n" + textwrap.indent(textwrap.dedent(body), "    ")
        file = tmp_path / "written.py"
        file.write_text(source)
        names = {"__name__": "tests.written"}
        exec(compile(source, str(file), "exec"), names)
        return {".".join(path) for path in fields_read(names["handler"], "e", many=many) if SELF not in path}

    return read


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ("return e.a + e.b", {"a", "b"}),
        ("return e.a.b.c", {"a.b.c"}),
        ("return e.a[0].b", {"a.[].b"}),
        ("return e.a[e.b].c", {"a.[].c", "b"}),
        ("return [i.x for i in e.items]", {"items.[].x"}),
        ("for i in e.items:\n    print(i.x)", {"items.[].x"}),
        ("for i in e.items:\n    print(i)", {"items.[]"}),
        ("for a, b in e.items:\n    print(a)", {"items"}),
        ("return e.name.upper()", {"name"}),
        ("if e:\n    return 1", set()),
        ("return 1 if e and e.a is not None else 2", set()),
        ("return isinstance(e, int) and len(e.items) > 2", set()),
        ("return e.a == 1 or not e.b > 2", {"a", "b"}),
        ("return (lambda: e.a)()", {"a"}),
        ("match e:\n    case Cup(colour=c):\n        return c", {"colour"}),
        ("match e:\n    case Cup() as cup:\n        return cup.owner", {"owner"}),
        ("match e:\n    case [x]:\n        return x", {""}),
        ("return {e.a: e.b for k in keys if e.c}", {"a", "b"}),
    ],
)
def test_body_reads_exactly_these_paths(read, body, paths):
    assert read(body) == paths


def test_list_of_events_is_read_by_item(read):
    assert read("return [order.a for order in e] + [e[0].b]", many=True) == {"a", "b"}
    assert read("e.sort()", many=True) == {""}


def test_reassigned_variable_hides_no_read(read):
    assert read("x = [e for e in others]\nreturn e.a") == {"a"}
    assert "a.[]" in read("for i in e.a:\n    pass\nfor i in e.b:\n    i.c")


@pytest.mark.parametrize(("function", "path"), [(passes_on, ("colour",)), (passes_on_by_name, ("owner",))])
def test_event_is_followed_into_functions_of_its_package(function, path):
    assert {p for p in fields_read(function, "cup") if SELF not in p} == {path}


@pytest.mark.parametrize("function", [gives_away, prints, keeps_another_name, calls_with_a_star, calls_a_method])
def test_event_passed_to_unknown_code_is_read_as_a_whole(function):
    assert () in fields_read(function, "cup")


def test_function_without_source_reads_everything():
    assert () in fields_read(len, "obj")


def test_read_has_a_location():
    (location,) = fields_read(passes_on, "cup").values()
    assert location == f"tests/flow/test_reads.py:{fill.__code__.co_firstlineno + 1}"


def test_path_covers_its_parents_and_children():
    assert covers(("a", "b"), ("a",))
    assert covers(("a",), ("a", "b"))
    assert not covers(("a", "b"), ("a", "c"))
