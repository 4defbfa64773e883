"""Condition and update expressions, each compiled once. Unusual ones are left to moto.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from millrace.local.services.dynamodb.attribute_values import (
    Attributes,
    UnsupportedRequestError,
    add,
    begins_with,
    contains,
    equal,
    find,
    joined,
    ordered,
    parse,
)

_TOKEN = re.compile(r"\s*([#:]?[A-Za-z_0-9]+|<>|<=|>=|[=<>(),.\[\]+-])")
_MAX_LENGTH = 4096
_PLACEHOLDER = re.compile(r"[#:][A-Za-z0-9_]+")
PLACEHOLDERS = frozenset({"ExpressionAttributeNames", "ExpressionAttributeValues"})
_ORDERINGS = ("<", "<=", ">", ">=")
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")

Path = tuple[str, *tuple[str | int, ...]]
"""A document path: the name of an attribute, then names in maps and positions in lists."""


@dataclass(frozen=True)
class Scope:
    """What an expression is evaluated with: the item before the request, and the placeholders of the request."""

    attributes: Attributes
    names: dict[str, str]
    values: dict[str, Any]

    def resolve(self, path: Path) -> Path:
        """Return a document path without placeholders."""
        first, *rest = (self.names[part] if isinstance(part, str) and part[0] == "#" else part for part in path)
        return str(first), *rest

    def get(self, path: Path) -> Any:
        """Return the attribute value at a path; None if there is none."""
        return find(self.attributes, self.resolve(path))


def placeholders(params: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the names and values of the placeholders of a request. Raises UnsupportedRequestError."""
    names, values = params.get("ExpressionAttributeNames", {}), params.get("ExpressionAttributeValues", {})
    if any(found == {} for found in (params.get(name) for name in PLACEHOLDERS)) or not isinstance(names, dict):
        raise UnsupportedRequestError
    valid_names = all(_PLACEHOLDER.fullmatch(name) and isinstance(text, str) and text for name, text in names.items())
    if not valid_names or not isinstance(values, dict):
        raise UnsupportedRequestError
    return names, {name: parse(value) for name, value in values.items()}


Operand = Callable[[Scope], Any]
Condition = Callable[[Scope], bool]


@dataclass(frozen=True)
class Action:
    """One action of an update expression. `value` is None for REMOVE."""

    clause: str
    path: Path
    value: Operand | None = None


@dataclass(frozen=True)
class Compiled:
    """A condition or the actions of an update, and the placeholders in it."""

    placeholders: frozenset[str]
    condition: Condition = lambda _: True
    actions: tuple[Action, ...] = ()


@lru_cache(1024)
def compile_condition(text: str) -> Compiled:
    """Return a compiled condition. Raises UnsupportedRequestError."""
    parser = _Parser(text)
    condition = parser.disjunction()
    parser.end()
    return Compiled(frozenset(parser.placeholders), condition)


@lru_cache(1024)
def compile_update(text: str) -> Compiled:
    """Return a compiled update. Raises UnsupportedRequestError."""
    parser = _Parser(text)
    actions = tuple(parser.clauses())
    parser.end()
    return Compiled(frozenset(parser.placeholders), actions=actions)


@cache
def _reserved() -> frozenset[str]:
    from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

    return frozenset(ReservedKeywords.get_reserved_keywords())


class _Parser:
    """A recursive descent parser."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._position = 0
        self.placeholders: set[str] = set()

    def _peek(self, ahead: int = 0) -> str:
        position = self._position + ahead
        return self._tokens[position] if position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _take(self, *words: str) -> str:
        """Consume one of some tokens if it comes next, in upper case."""
        return self._next().upper() if self._peek().upper() in words and self._peek() else ""

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise UnsupportedRequestError

    def end(self) -> None:
        """Expect the end of the expression."""
        if self._peek():
            raise UnsupportedRequestError

    def disjunction(self) -> Condition:
        """Parse conditions joined by OR."""
        terms = [self._conjunction()]
        while self._take("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda scope: any(term(scope) for term in terms)

    def _conjunction(self) -> Condition:
        terms = [self._negation()]
        while self._take("AND"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda scope: all(term(scope) for term in terms)

    def _negation(self) -> Condition:
        if self._take("NOT"):
            negated = self._negation()
            return lambda scope: not negated(scope)
        if self._take("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._function() if self._peek(1) == "(" else self._comparison()

    def _function(self) -> Condition:
        name = self._next()
        self._expect("(")
        path = self._path()
        if name in ("attribute_exists", "attribute_not_exists"):
            exists = name == "attribute_exists"
            self._expect(")")
            return lambda scope: (scope.get(path) is not None) is exists
        if name not in ("begins_with", "contains"):
            raise UnsupportedRequestError
        self._expect(",")
        operand = self._operand()
        self._expect(")")
        test = begins_with if name == "begins_with" else contains
        return lambda scope: test(scope.get(path), operand(scope))

    def _comparison(self) -> Condition:
        left = self._operand()
        if self._take("BETWEEN"):
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return lambda scope: ordered("<=", low(scope), left(scope)) and ordered("<=", left(scope), high(scope))
        if self._take("IN"):
            options = tuple(self._options())
            return lambda scope: any(equal(left(scope), option(scope)) for option in options)
        comparator = self._next()
        right = self._operand()
        if comparator == "=":
            return lambda scope: equal(left(scope), right(scope))
        if comparator == "<>":
            return lambda scope: not equal(left(scope), right(scope))
        if comparator not in _ORDERINGS:
            raise UnsupportedRequestError
        return lambda scope: ordered(comparator, left(scope), right(scope))

    def _options(self) -> Iterator[Operand]:
        self._expect("(")
        yield self._operand()
        while self._take(","):
            yield self._operand()
        self._expect(")")

    def _operand(self) -> Operand:
        if self._peek().startswith(":"):
            placeholder = self._next()
            self.placeholders.add(placeholder)
            return lambda scope: scope.values[placeholder]
        path = self._path()
        return lambda scope: scope.get(path)

    def _path(self) -> Path:
        first = self._name()
        parts: list[str | int] = []
        while self._peek() in (".", "["):
            if self._next() == ".":
                parts.append(self._name())
            else:
                index = self._next()
                if not index.isdecimal():
                    raise UnsupportedRequestError
                parts.append(int(index))
                self._expect("]")
        return first, *parts

    def _name(self) -> str:
        name = self._next()
        if name[:1] == "#":
            self.placeholders.add(name)
        elif not name[:1].isalpha() or name.upper() in _reserved() or self._peek() == "(":
            raise UnsupportedRequestError
        return name

    def clauses(self) -> Iterator[Action]:
        """Parse the clauses of an update; each may occur once."""
        seen: set[str] = set()
        while clause := self._take(*_CLAUSES):
            if clause in seen:
                raise UnsupportedRequestError
            seen.add(clause)
            yield self._action(clause)
            while self._take(","):
                yield self._action(clause)
        if not seen:
            raise UnsupportedRequestError

    def _action(self, clause: str) -> Action:
        path = self._path()
        if clause == "REMOVE":
            return Action(clause, path)
        if clause == "SET":
            self._expect("=")
            return Action(clause, path, self._sum())
        if not self._peek().startswith(":"):
            raise UnsupportedRequestError
        return Action(clause, path, self._operand())

    def _sum(self) -> Operand:
        left = self._value()
        sign = self._take("+", "-")
        if not sign:
            return left
        right = self._value()
        return lambda scope: add(left(scope), right(scope), 1 if sign == "+" else -1)

    def _value(self) -> Operand:
        if self._peek(1) != "(":
            return self._operand()
        name = self._next()
        self._expect("(")
        first = self._path() if name == "if_not_exists" else None
        left = None if first else self._value()
        self._expect(",")
        right = self._value()
        self._expect(")")
        if first:
            return lambda scope: right(scope) if (found := scope.get(first)) is None else found
        if name != "list_append" or left is None:
            raise UnsupportedRequestError
        return lambda scope: joined(left(scope), right(scope))


def _tokens(text: str) -> Iterator[str]:
    if len(text) > _MAX_LENGTH:
        raise UnsupportedRequestError
    position, text = 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise UnsupportedRequestError
        position = found.end()
        yield found[1]
