"""Faster DynamoDB expressions: moto parses every expression several times per call."""

import copy
import functools
from collections import deque
from typing import Any

from millrace.local.core.moto_patches import add, replace

_CACHE_SIZE = 1024


def apply() -> None:
    """Apply every change."""
    _tokenize_conditions_once()
    _parse_conditions_once()
    _parse_updates_once()
    _copy_trees_fast()
    _find_processors_once()
    _validate_updates_once()
    _read_attributes_by_name()


def _tokenize_conditions_once() -> None:
    """Cache tokens: moto compiles six regular expressions per token of a condition."""
    from moto.dynamodb.comparisons import ConditionExpressionParser  # noqa: PLC0415

    tokenize = ConditionExpressionParser._lex_condition_expression

    @functools.lru_cache(_CACHE_SIZE)
    def tokens(text: str) -> tuple[Any, ...]:
        return tuple(tokenize(ConditionExpressionParser(text, None, None)))

    replace(
        ConditionExpressionParser,
        "_lex_condition_expression",
        lambda parser: deque(tokens(parser.condition_expression)),
    )


def _parse_conditions_once() -> None:
    """Cache the latest condition: moto parses it twice, to find the names that it uses and to check it."""
    from moto.dynamodb.comparisons import ConditionExpressionParser  # noqa: PLC0415

    parse = ConditionExpressionParser.parse
    latest: dict[str, Any] = {}

    def parse_once(parser: Any) -> Any:
        key = repr((parser.condition_expression, parser.expression_attribute_names, parser.expression_attribute_values))
        found = latest.get(key)
        if found is None:
            found = parse(parser), parser.expr_attr_names_found, parser.expr_attr_values_found
            latest.clear()
            latest[key] = found
        condition, names, values = found
        parser.expr_attr_names_found, parser.expr_attr_values_found = list(names), list(values)
        return condition

    replace(ConditionExpressionParser, "parse", parse_once)


def _parse_updates_once() -> None:
    """Cache the tree of an update: moto parses it twice per call and changes only copies."""
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # noqa: PLC0415

    parse = UpdateExpressionParser.make

    @functools.lru_cache(_CACHE_SIZE)
    def parse_once(text: str) -> Any:
        tree = parse(text)
        tree.millrace_validated = set()  # shared by all copies of the tree
        return tree

    replace(UpdateExpressionParser, "make", staticmethod(parse_once))


def _copy_trees_fast() -> None:
    """Copy the nodes of a tree directly; moto uses the pickle protocol for each."""
    from moto.dynamodb.parsing.ast_nodes import Node  # noqa: PLC0415

    def deepcopy(node: Any, memo: dict[int, Any]) -> Any:
        if id(node) in memo:
            return memo[id(node)]
        result = memo[id(node)] = object.__new__(type(node))
        result.__dict__.update(node.__dict__)
        if node.children is not None:
            result.children = [copy.deepcopy(child, memo) for child in node.children]
        result.parent = memo.get(id(node.parent), node.parent)
        return result

    add(Node, "__deepcopy__", deepcopy)


def _find_processors_once() -> None:
    """Cache the processor of each node class; moto tests ten abstract classes per node."""
    from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # noqa: PLC0415

    @functools.cache
    def is_node(kind: type) -> bool:
        return issubclass(kind, Node)

    @functools.cache
    def processed_as(kind: type, classes: tuple[type, ...]) -> type | None:
        return next((each for each in classes if issubclass(kind, each)), None)

    def traverse(traverser: Any, node: Any) -> Any:
        processors = traverser._processing_map()
        classes = tuple(processors)

        def visit(root: Any, child_id: int) -> Any:
            kind: Any = type(root)
            if not is_node(kind):
                return root
            parent = root.parent
            for number, child in enumerate(root.children or ()):
                traverser.pre_processing_of_child(root, number)
                visit(child, number)
            processor = processors.get(processed_as(kind, classes))
            if processor is None:
                return root
            processed = processor(root)
            processed.parent = parent
            if parent:
                parent.children[child_id] = processed
            return processed

        return visit(node, -1)

    replace(DepthFirstTraverser, "traverse", traverse)


def _validate_updates_once() -> None:
    """Validate clauses and overlapping paths once per expression; they do not depend on the item."""
    from moto.dynamodb.parsing.validators import (  # noqa: PLC0415
        ActionCountValidator,
        OverlappingPathsValidator,
        UpdateExpressionValidator,
    )

    validate = UpdateExpressionValidator.validate

    def validate_once(validator: Any) -> Any:
        root = validator.node_to_validate
        validated: set[str] = root.millrace_validated
        names = repr(validator.expression_attribute_names)
        if names in validated:
            skipped = (ActionCountValidator, OverlappingPathsValidator)
            validator.processors = [each for each in validator.processors if not isinstance(each, skipped)]
        result = validate(validator)
        if len(validated) < _CACHE_SIZE:
            validated.add(names)
        return result

    replace(UpdateExpressionValidator, "validate", validate_once)


def _read_attributes_by_name() -> None:
    """Read response attributes by their API name; moto tries six spellings of each."""
    from moto.core.serialize import ResponseSerializer  # noqa: PLC0415

    get_by_moto = ResponseSerializer.get_value

    def get_value(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        if type(value) is dict and serializer.operation_model.service_model.service_name == "dynamodb":
            return value.get(key)
        return get_by_moto(serializer, value, key, shape)

    replace(ResponseSerializer, "get_value", get_value)
