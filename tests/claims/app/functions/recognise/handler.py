"""Hands a scan on, whole."""

import hashlib

from functions.contracts.scans import Recognised, Straightened
from millrace.runtime import Table, processor


@processor
def handler(scan: Straightened, seen: Table) -> Recognised:
    """Note what was seen of it."""
    digest = hashlib.sha256(scan.content.encode()).hexdigest()
    seen.put_item(Item={"key": f"{scan.key}/recognise", "sha256": digest})
    return Recognised(key=scan.key, content=scan.content)
