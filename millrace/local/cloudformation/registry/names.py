"""Physical names as CloudFormation makes them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
"""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LETTERS = string.ascii_uppercase + string.digits
_TAIL = 12


@dataclass(frozen=True)
class Name:
    """The property that names a resource (None: no property does), and the form of a name that is made.

    `limit` is the service's, in characters; `fifo` the property that asks for the ending `.fifo`; `within` those
    that tell two resources of one name apart; `versioned` says that one name may stand for several resources.
    """

    property: str | None
    limit: int = 255
    fifo: str | None = None
    lower: bool = False
    within: tuple[str, ...] = ()
    versioned: bool = False

    def generated(self, stack: str, logical_id: str, properties: Mapping[str, Any], source: random.Random) -> str:
        """`<stack>-<logical id>-<12 random characters>`, both parts cut where the limit asks for it."""
        ending = ".fifo" if self.fifo and str(properties.get(self.fifo)).lower() == "true" else ""
        room = self.limit - _TAIL - 2 - len(ending)
        if len(stack) + len(logical_id) > room:
            logical_id = logical_id[: max(room // 2, room - len(stack))]
            stack = stack[: room - len(logical_id)]
        tail = "".join(source.choices(_LETTERS, k=_TAIL))
        name = f"{stack}-{logical_id}-{tail}{ending}"
        return name.lower() if self.lower else name

    def collides(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
        """Whether a replacement would have the name of what it replaces, because the template fixes it."""
        same = all(before.get(name) == now.get(name) for name in (self.property or "", *self.within))
        return not self.versioned and now.get(self.property or "") is not None and same
