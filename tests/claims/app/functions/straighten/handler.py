"""Hands a scan on, whole."""

import hashlib

from functions.contracts.scans import Scanned, Straightened
from millrace.runtime import Table, processor


@processor
def handler(scan: Scanned, seen: Table) -> Straightened:
    """Note what was seen of it."""
    digest = hashlib.sha256(scan.content.encode()).hexdigest()
    seen.put_item(Item={"key": f"{scan.key}/straighten", "sha256": digest})
    return Straightened(key=scan.key, content=scan.content)
