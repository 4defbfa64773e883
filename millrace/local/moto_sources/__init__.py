"""Every change to moto's sources of events, with its reason: queues, streams, tables, topics, buckets, functions.

The patches stand for the whole process, as those of `moto_changes`, which applies them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from millrace.local.moto_sources import functions, queues, streams, topics

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane


def apply(plane: "Callable[..., Plane]") -> None:
    """Change moto. `plane` gives the plane of an ARN, of those that are attached when a patch runs."""
    queues.apply(plane)
    streams.apply(plane)
    functions.apply(plane)
    topics.apply(plane)
