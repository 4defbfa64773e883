"""What a declaration holds, and the whole text of each refusal."""

from datetime import timedelta

import pytest

from millrace.events import Event
from millrace.runtime import Callback, Declaration, EventStore, ReadModel, SignatureError, Table, View, breaker
from millrace.runtime.breaker import Breaker, MisplacedBreakerError, breaker_of
from millrace.runtime.declaration import name_of
from millrace.runtime.event_store import events_of


class Ordered(Event, source="test.shop"):
    number: int


class Paid(Event, source="test.shop"):
    number: int


class Shipped(Event, source="test.carrier", external=True):
    pass


class OrderView(View, key="number"):
    number: str


class Order:
    def apply(self, event: Ordered | Paid) -> None: ...


def every(
    order: Ordered | Paid,
    points: Table,
    orders: EventStore[Order],
    views: ReadModel[OrderView],
    callback: Callback[Shipped],
) -> Paid | None: ...


@breaker("mailer", on=ValueError)
def plain(order: Ordered) -> None: ...


def test_a_declaration_holds_what_a_signature_names():
    known = Declaration.of(every)
    assert (known.name, known.module, known.attribute) == ("every", __name__, "every")
    assert [(taken.name, taken.events, taken.many, taken.optional) for taken in known.inputs] == [
        ("order", (Ordered, Paid), False, False)
    ]
    assert (known.publishes, known.returns, known.successes) == ((Paid, Shipped), (Paid,), (Paid, Shipped))
    assert (known.tables, known.consumes, known.appends) == (("points",), (Ordered, Paid), (Ordered, Paid))
    assert known.resources == {"points": "Table", "orders": "EventStore", "views": "ReadModel"}
    assert [(store.name, store.aggregate) for store in known.stores] == [("orders", Order)]
    assert [(model.name, model.view) for model in known.models] == [("views", OrderView)]
    assert (known.callback.name, known.callback.seconds, known.callback.names) == (
        "callback",
        86_400,
        ["test.carrier:Shipped"],
    )


def test_a_plain_declaration_holds_nothing_else():
    known = Declaration.of(plain, repeatable="it writes nothing")
    assert (known.publishes, known.tables, known.stores, known.models, known.callback) == ((), (), (), (), None)
    assert (known.once_per, known.repeatable) == (None, "it writes nothing")
    assert known.breaker == Breaker("mailer", (ValueError,), 5, 30, 2, 86_400)
    assert Declaration.of(plain, once_per="number").once_per == "number"


def test_a_breaker_holds_what_it_is_given():
    def handler(order: Ordered) -> None: ...

    breaker("a", on=ValueError)(handler)
    assert breaker_of(handler) == Breaker("a", (ValueError,), 5, 30, 2, 86_400)
    declare = breaker("b", on=(KeyError, OSError), threshold=1, recovery=2, timeout=3, max_wait=4)
    assert declare(handler) is handler
    assert breaker_of(handler) == Breaker("b", (KeyError, OSError), 1, 2, 3, 4)
    assert breaker_of(every) is None
    with pytest.raises(MisplacedBreakerError, match=r"^@breaker\('b'\) is above @processor: write it below, next to"):
        declare(object())


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("functions.award_points.handler", "award_points"),
        ("award_points.handler", "award_points"),
        ("handler", "every"),
        ("functions.award_points", "every"),
    ],
)
def test_a_handler_has_the_name_of_its_folder(module, name, monkeypatch):
    monkeypatch.setattr(every, "__module__", module)
    assert name_of(every) == name


def no_return(order: Ordered): ...
def no_hint(order) -> None: ...
def no_event(points: Table) -> None: ...
def no_import(order: "Missing") -> None: ...  # noqa: F821
def number(order: int) -> None: ...
def many(order: list[int]) -> None: ...
def returns_number(order: Ordered) -> int: ...
def returns_many(order: Ordered) -> list[int]: ...
def returns_answer(order: Ordered, answer: Callback[Shipped]) -> Shipped: ...
def two_callbacks(order: Ordered, one: Callback[Shipped], two: Callback[Shipped]) -> None: ...
def no_answer(order: Ordered, answer: Callback[int]) -> None: ...


TAKES = (
    "Write an Event with a source, a union or a list of them, a Table, an EventStore of an aggregate, a ReadModel of "
    "a view, a SpeedView, a ServingView, or, in a step, a Callback of its answers."
)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (no_return, " has no return annotation: write -> AnEvent, or -> None."),
        (no_hint, ": the parameter 'order' has no annotation: write order: AnEvent."),
        (no_event, " takes no event: add a parameter, as in handler(order: OrderPlaced)."),
        (no_import, ": name 'Missing' is not defined. Import the name at the top of the module."),
        (number, f": the parameter 'order' is a <class 'int'>. {TAKES}"),
        (many, f": the parameter 'order' is a list[int]. {TAKES}"),
        (
            returns_number,
            " returns <class 'int'>: write an Event with a source, a union, a list or an iterator of them, or None.",
        ),
        (
            returns_many,
            " returns list[int]: write an Event with a source, a union, a list or an iterator of them, or None.",
        ),
        (returns_answer, " returns Shipped and waits for it: remove it from the return type or the Callback."),
        (two_callbacks, " has the callbacks one, two: a step waits for one callback."),
        (no_answer, ": write answer: Callback[AnEvent], or a union of events with a source."),
    ],
)
def test_rejected_signature_has_a_fix(function, text):
    with pytest.raises(SignatureError) as caught:
        Declaration.of(function)
    assert str(caught.value) == f"{__name__}.{function.__name__}{text}"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"repeatable": "why", "once_per": "number"},
            ": write repeatable='why it is safe to run twice', without once_per.",
        ),
        ({"repeatable": " "}, ": write repeatable='why it is safe to run twice', without once_per."),
        (
            {"once_per": "cup"},
            (" has once_per='cup', but Ordered has no such field, only number: name a field that all its events have."),
        ),
        (
            {"timeout": timedelta(hours=1)},
            " has a timeout but no Callback[…]: add a callback, or remove the timeout.",
        ),
    ],
)
def test_rejected_option_has_a_fix(options, text):
    with pytest.raises(SignatureError) as caught:
        Declaration.of(plain, **options)
    assert str(caught.value) == f"{__name__}.plain{text}"


def test_aggregate_without_apply_has_a_fix():
    with pytest.raises(SignatureError) as caught:
        events_of(Bare)
    assert str(caught.value) == (
        f"{__name__}.Bare has no method apply: write def apply(self, event: AnEvent | Another) -> None."
    )


class Bare:
    pass


@pytest.mark.parametrize(
    ("within", "seconds"),
    [
        (timedelta(seconds=1), 1),
        (timedelta(days=365), 31_536_000),
        (timedelta(seconds=0.9), None),
        (timedelta(days=365, seconds=1), None),
    ],
)
def test_a_callback_waits_for_a_second_to_a_year(within, seconds):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    if seconds:
        assert Declaration.of(every, timeout=within).callback.seconds == seconds
    else:
        with pytest.raises(SignatureError, match=r"every has a timeout of .*: choose one from a second to a year\.$"):
            Declaration.of(every, timeout=within)


def test_an_async_handler_is_rejected():
    async def handler(order: Event) -> None: ...

    with pytest.raises(SignatureError, match=r"handler is an async def, .*: write def"):
        Declaration.of(handler)
