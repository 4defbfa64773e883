"""The query of docs/lambda-architecture.md on an archive."""

import re
from pathlib import Path

import duckdb

from millrace.runtime.layers.archive import Archive

PAGE = Path(__file__).parents[2] / "docs" / "lambda-architecture.md"
BUCKET = "s3://sales-archive"


class Folder:
    """A bucket in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def put_object(self, **request):
        file = self.folder / request["Key"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(request["Body"])


def documented(reader):
    """Return the SELECT of the page that uses a reader."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if reader in block]
    return block[block.index("SELECT") :]


def test_documented_query_of_duckdb_counts_each_event_once(tmp_path):
    archive = Archive(Folder(tmp_path), "sales-archive")
    for generation, event_id, cents in ((1, "a", 500), (2, "a", 500), (2, "b", 700), (2, "c", 700)):
        archive.put("2026-03-01", generation, event_id, {"cents": cents})
    archive.put("2026-03-02", 2, "d", {"cents": 100})
    rows = duckdb.sql(documented("read_json('s3").replace(BUCKET, str(tmp_path))).fetchall()
    assert sorted((str(day), orders, cents) for day, orders, cents in rows) == [
        ("2026-03-01", 3, 1900),
        ("2026-03-02", 1, 100),
    ]
