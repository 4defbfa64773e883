"""Information about the local cloud for Millrace's CLI that AWS's APIs do not have."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from millrace.local.services.eventbridge import EventBridge

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


def status_of(region: "AccountRegion", question: str, about: str) -> Any:
    """Return the data of a command; for an unknown one, that the local cloud is up."""
    match question:
        case "flows" if about:
            return [asdict(record) for record in region.history.flow(about)]
        case "flows":
            return region.history.flows()
        case "journal":
            made, records = region.history.since(int(about))
            return {"next": made, "records": [asdict(record) for record in records]}
        case "archived":
            archive = region.backends.events.archives[about]
            return [
                {"happened": kept.time, "envelope": kept.envelope}
                for kept in region.service(EventBridge).archives.events(archive)
            ]
        case "now":
            return region.clock.now()
        case _:
            return {"millrace": "up"}
