"""Applies all changes to moto's interpreter of the Amazon States Language. Each function describes what moto does.

The first state machine applies them, so a local cloud without one does not import the interpreter.
"""

import functools
import logging
import sys
from collections.abc import Iterable


@functools.cache
def change() -> None:
    """Change moto, once per process. The changes get the region from the environment of the execution."""
    from moto.stepfunctions.parser import quotas, utils  # noqa: PLC0415 - moto is imported after its settings are made
    from moto.stepfunctions.parser.asl.utils import json_path  # noqa: PLC0415 - the same

    from millrace.local.services.stepfunctions.asl import (  # noqa: PLC0415 - the same
        callbacks,
        calls,
        choices,
        definitions,
        errors,
        expressions,
        functions,
        maps,
        running,
        sizes,
    )

    logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)  # what fails stands in the history
    for room in (definitions, errors, running, expressions, choices, functions, calls, callbacks, maps):
        room.change()
    _everywhere("TMP_THREADS", utils.TMP_THREADS, _None())  # moto keeps each thread that it has ever started
    _everywhere("is_within_size_quota", quotas.is_within_size_quota, sizes.fits)
    _everywhere("extract_json", json_path.extract_json, expressions.extracted)


def _everywhere(name: str, former: object, now: object) -> None:
    """Replace what moto's modules have imported by name."""
    for called, module in list(sys.modules.items()):
        if called.startswith("moto.stepfunctions.") and getattr(module, name, None) is former:
            setattr(module, name, now)


class _None(list[object]):
    """A list in which nothing stays."""

    def append(self, _thread: object) -> None:
        """Keep nothing."""

    def extend(self, _threads: Iterable[object]) -> None:
        """Keep nothing."""
