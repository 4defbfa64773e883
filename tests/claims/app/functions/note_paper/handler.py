"""The end of a paper's way."""

import hashlib

from functions.contracts.files import PaperChanged
from millrace.runtime import Table, processor


@processor
def handler(paper: PaperChanged, seen: Table) -> None:
    """Note what was seen of it."""
    digest = hashlib.sha256(paper.content.encode()).hexdigest()
    seen.put_item(Item={"key": f"{paper.key}/note_paper", "sha256": digest})
