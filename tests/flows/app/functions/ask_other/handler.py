"""Makes an offer, unless the event says otherwise."""

from functions.contracts.together import Declined, Offered, Wanted
from millrace.runtime import step


@step
def handler(wanted: Wanted) -> Offered | Declined:
    """Fails and refuses as it is told."""
    if "ask_other" in wanted.fails:
        raise RuntimeError("no offer today")
    return Declined(by="ask_other") if "ask_other" in wanted.refuses else Offered(by="ask_other")
