"""Makes an offer, unless the event says otherwise."""

import os

from functions.contracts.together import Declined, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted) -> Offered | Declined:
    """Fails, until it is mended, and refuses as it is told."""
    if "ask_one" in wanted.fails and not os.environ.get("MENDED"):
        raise RuntimeError("no offer today")
    return Declined(by="ask_one") if "ask_one" in wanted.refuses else Offered(by="ask_one")
