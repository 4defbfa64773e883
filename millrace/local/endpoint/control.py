"""What the local cloud tells the kit's command line of itself, besides what AWS's own calls tell."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace.local.core.account_region import Plane


def told(plane: "Plane", question: str, about: str) -> Any:
    """The answer to a question; to one that is not known here, that the cloud is up."""
    match question:
        case "flows" if about:
            return [asdict(record) for record in plane.journal.flow(about)]
        case "flows":
            return plane.journal.flows()
        case "journal":
            made, records = plane.journal.since(int(about))
            return {"next": made, "records": [asdict(record) for record in records]}
        case "archived":
            archive = plane.state.events.archives[about]
            return [{"happened": kept.happened, "envelope": kept.envelope} for kept in plane.archives.events(archive)]
        case "now":
            return plane.clock.now()
        case _:
            return {"millrace": "up"}
