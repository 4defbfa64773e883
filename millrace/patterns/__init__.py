"""Event patterns of EventBridge: compile, match, explain and index them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

from millrace.patterns.compiler import MAX_OR_COMBINATIONS, MAX_PATTERN_LENGTH, compile_pattern
from millrace.patterns.errors import InvalidPatternError
from millrace.patterns.index import PatternIndex
from millrace.patterns.pattern import Clause, Mismatch, Pattern

__all__ = [
    "MAX_OR_COMBINATIONS",
    "MAX_PATTERN_LENGTH",
    "Clause",
    "InvalidPatternError",
    "Mismatch",
    "Pattern",
    "PatternIndex",
    "compile_pattern",
]
