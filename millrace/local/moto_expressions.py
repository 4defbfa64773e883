"""Changes to moto's DynamoDB expressions, each with its reason: moto parses every expression several times per call."""

import copy
import functools
from collections import deque
from typing import Any

_KNOWN_EXPRESSIONS = 1024


def apply() -> None:
    """Change moto."""
    _read_conditions_once()
    _parse_conditions_once()
    _parse_updates_once()
    _copy_only_the_tree()
    _find_processors_once()
    _check_updates_once()
    _pick_attributes_by_name()


def _read_conditions_once() -> None:
    """Moto compiles six regular expressions per word of a condition."""
    from moto.dynamodb.comparisons import ConditionExpressionParser  # noqa: PLC0415 - moto is changed when attached

    read = ConditionExpressionParser._lex_condition_expression

    @functools.lru_cache(_KNOWN_EXPRESSIONS)
    def words(text: str) -> tuple[Any, ...]:
        return tuple(read(ConditionExpressionParser(text, None, None)))

    ConditionExpressionParser._lex_condition_expression = lambda parser: deque(words(parser.condition_expression))


def _parse_conditions_once() -> None:
    """Moto parses the condition of a write twice: to find the names that it uses, and to check it."""
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

    ConditionExpressionParser.parse = parse_once


def _parse_updates_once() -> None:
    """Moto parses an update twice per call; it changes copies of the tree alone."""
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # noqa: PLC0415

    parse = UpdateExpressionParser.make

    @functools.lru_cache(_KNOWN_EXPRESSIONS)
    def parse_once(text: str) -> Any:
        tree = parse(text)
        tree.millrace_sound = set()  # all copies of the tree share it
        return tree

    UpdateExpressionParser.make = staticmethod(parse_once)


def _copy_only_the_tree() -> None:
    """Moto copies the tree of an update through the protocol of pickle, node by node."""
    from moto.dynamodb.parsing.ast_nodes import Node  # noqa: PLC0415

    def copied(node: Any, memo: dict[int, Any]) -> Any:
        if id(node) in memo:
            return memo[id(node)]
        result = memo[id(node)] = object.__new__(type(node))
        result.__dict__.update(node.__dict__)
        if node.children is not None:
            result.children = [copy.deepcopy(child, memo) for child in node.children]
        result.parent = memo.get(id(node.parent), node.parent)
        return result

    Node.__deepcopy__ = copied


def _find_processors_once() -> None:
    """Moto asks of every node, for ten processors, whether it is of any of their abstract classes."""
    from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # noqa: PLC0415

    @functools.cache
    def is_node(kind: type) -> bool:
        return issubclass(kind, Node)

    @functools.cache
    def processed_as(kind: type, classes: tuple[type, ...]) -> type | None:
        return next((each for each in classes if issubclass(kind, each)), None)

    def traverse(traverser: Any, root: Any) -> Any:
        processors = traverser._processing_map()
        classes = tuple(processors)

        def visit(node: Any, child_id: int) -> Any:
            kind: Any = type(node)
            if not is_node(kind):
                return node
            parent = node.parent
            for number, child in enumerate(node.children or ()):
                traverser.pre_processing_of_child(node, number)
                visit(child, number)
            processor = processors.get(processed_as(kind, classes))
            if processor is None:
                return node
            processed = processor(node)
            processed.parent = parent
            if parent:
                parent.children[child_id] = processed
            return processed

        return visit(root, -1)

    DepthFirstTraverser.traverse = traverse


def _check_updates_once() -> None:
    """Moto counts the clauses of an update, and looks for overlapping paths, whatever the item is: at every node."""
    from moto.dynamodb.parsing.validators import (  # noqa: PLC0415
        ActionCountValidator,
        OverlappingPathsValidator,
        UpdateExpressionValidator,
    )

    validate = UpdateExpressionValidator.validate

    def validate_once(validator: Any) -> Any:
        root = validator.node_to_validate
        sound: set[str] = root.millrace_sound
        names = repr(validator.expression_attribute_names)
        if names in sound:
            known = (ActionCountValidator, OverlappingPathsValidator)
            validator.processors = [each for each in validator.processors if not isinstance(each, known)]
        result = validate(validator)
        if len(sound) < _KNOWN_EXPRESSIONS:
            sound.add(names)
        return result

    UpdateExpressionValidator.validate = validate_once


def _pick_attributes_by_name() -> None:
    """Moto tries six spellings of each attribute of an answer; DynamoDB's answers have the names of its API."""
    from moto.core.serialize import ResponseSerializer  # noqa: PLC0415

    pick = ResponseSerializer.get_value

    def get_value(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        if type(value) is dict and serializer.operation_model.service_model.service_name == "dynamodb":
            return value.get(key)
        return pick(serializer, value, key, shape)

    ResponseSerializer.get_value = get_value
