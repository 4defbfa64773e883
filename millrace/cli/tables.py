"""Tables for people, as wide as their terminal."""

from collections.abc import Sequence

from millrace.local.printable import printable

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_MIN_LAST = 20


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Lines with columns as wide as needed, each cell printable. The last column is cut where the terminal ends."""
    lines = [[*map(printable, row[:-1]), printable(" ".join(row[-1].split()))] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    room = max(_MIN_LAST, width - sum(widths) - 2 * len(widths)) if width else None
    return [_line(line, widths, room) for line in lines]


def _line(cells: Sequence[str], widths: Sequence[int], room: int | None) -> str:
    last = cells[-1]
    if room and len(last) > room:
        last = last[: room - 1] + "…"
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, last]).rstrip()


def age(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
