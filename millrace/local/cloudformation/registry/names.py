"""Physical names that CloudFormation generates.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
"""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.local.core.json_text import is_true

_CHARACTERS = string.ascii_uppercase + string.digits
_RANDOM_LENGTH = 12


@dataclass(frozen=True)
class Name:
    """The property with a resource's custom name (None: there is none), and how a name is generated.

    `limit` is the service's maximum length, `fifo` the property that requires the suffix `.fifo`, `within` the
    properties in whose scope a name is unique. With `versioned`, several resources share one name. `separator` replaces
    the hyphen where the service allows none. `prefix` replaces the stack.
    """

    property: str | None
    limit: int = 255
    fifo: str | None = None
    lower: bool = False
    within: tuple[str, ...] = ()
    versioned: bool = False
    separator: str = "-"
    prefix: str | None = None

    def generated(self, stack: str, logical_id: str, properties: Mapping[str, Any], source: random.Random) -> str:
        """Return `<stack>-<logical id>-<12 random characters>`, with both parts cut to the limit."""
        stack = self.prefix or stack
        suffix = ".fifo" if self.fifo and is_true(properties.get(self.fifo)) else ""
        room = self.limit - _RANDOM_LENGTH - 2 - len(suffix)
        if len(stack) + len(logical_id) > room:
            logical_id = logical_id[: max(room // 2, room - len(stack))]
            stack = stack[: room - len(logical_id)]
        unique = "".join(source.choices(_CHARACTERS, k=_RANDOM_LENGTH))
        name = f"{stack}-{logical_id}-{unique}{suffix}".replace("-", self.separator)
        return name.lower() if self.lower else name

    def collides(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Return whether a replacement has the custom name of the resource that it replaces."""
        same = all(old.get(name) == new.get(name) for name in (self.property or "", *self.within))
        return not self.versioned and new.get(self.property or "") is not None and same
