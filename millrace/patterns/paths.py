"""The field of a clause as a dotted name, and the array elements that contain its values."""

from typing import Any

Membership = tuple[tuple[tuple[int, tuple[str, ...]], int], ...]
"""The array elements that contain a value: ((array, index), …), outermost first."""
Leaf = tuple[Any, Membership]


class Path:
    """A field name such as "detail.state", which also finds keys that contain dots, as in Ruler.

    It finds leaves only: strings, numbers, booleans and null, also in arrays. Objects and empty arrays are no leaves.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys = tuple(name.split("."))
        self._steps = [_keys_from(self.keys, position) for position in range(len(self.keys))]

    def leaves(self, event: dict[str, Any]) -> list[Leaf]:
        """All values of the field in an event. Arrays can be nested deeper than Python's calls."""
        found: list[Leaf] = []
        waiting: list[tuple[Any, int, Membership]] = [(event, 0, ())]
        while waiting:
            node, position, membership = waiting.pop()
            if isinstance(node, dict):
                steps = self._steps[position] if position < len(self._steps) else ()
                waiting += [(node[key], end, membership) for key, end in reversed(steps) if key in node]
            elif isinstance(node, list):
                waiting += reversed(self._elements(node, position, membership))
            elif position == len(self._steps):
                found.append((node, membership))
        return found

    def is_object_in(self, event: dict[str, Any]) -> bool:
        """Whether the field is an object in an event. No clause matches objects."""
        node: Any = event
        for key in self.keys:
            node = node.get(key) if isinstance(node, dict) else None
        return isinstance(node, dict)

    def _elements(self, array: list[Any], position: int, membership: Membership) -> list[tuple[Any, int, Membership]]:
        identity = (id(array), self.keys[:position])
        return [
            (each, position, (*membership, (identity, index)) if isinstance(each, (dict, list)) else membership)
            for index, each in enumerate(array)
        ]


def _keys_from(keys: tuple[str, ...], position: int) -> tuple[tuple[str, int], ...]:
    ends = range(position + 1, len(keys) + 1)
    return tuple((".".join(keys[position:end]), end) for end in ends)


def joined(one: Membership, other: Membership) -> Membership | None:
    """The combined membership, or None if they need two elements of the same array."""
    if not one or not other:
        return one or other
    known = dict(one)
    if any(known.setdefault(array, index) != index for array, index in other):
        return None
    return tuple(known.items())
