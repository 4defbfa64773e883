"""Makes an offer, declines or fails, as the event requests."""

from functions.contracts.parallel import Declined, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted) -> Offered | Declined:
    """Fail or decline if requested."""
    if "offer_other" in wanted.fails:
        raise RuntimeError("no offer today")
    return Declined(by="offer_other") if "offer_other" in wanted.refuses else Offered(by="offer_other")
