"""The end of a scan's way."""

import hashlib

from functions.contracts.scans import Recognised
from millrace.runtime import Table, processor


@processor
def handler(scan: Recognised, seen: Table) -> None:
    """Note what was seen of it."""
    digest = hashlib.sha256(scan.content.encode()).hexdigest()
    seen.put_item(Item={"key": f"{scan.key}/file_away", "sha256": digest})
