"""Makes an offer, declines or fails, as the event requests."""

import os

from functions.contracts.parallel import Declined, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted) -> Offered | Declined:
    """Fail until FIXED is set; decline if requested."""
    if "offer_one" in wanted.fails and not os.environ.get("FIXED"):
        raise RuntimeError("no offer today")
    return Declined(by="offer_one") if "offer_one" in wanted.refuses else Offered(by="offer_one")
